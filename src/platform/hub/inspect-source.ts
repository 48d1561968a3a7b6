import { EnginesmithFailure } from '../../contracts/failures.js';
import type { HubClient } from './hub-client.js';
import { selectDatasetFiles, selectModelFiles } from './select-files.js';

interface PinnedRepository {
  repository: string;
  commit: string;
  signal?: AbortSignal | undefined;
}

const CONFIG_FILE = 'config.json';

/**
 * The config.json of a model whose repository has all that is needed; nothing else of it is downloaded.
 * @throws EnginesmithFailure `UnsupportedModel` as `selectModelFiles`, and what the Hub throws
 */
export async function readModelConfig(hub: HubClient, source: PinnedRepository): Promise<string> {
  const request = { kind: 'model', ...source } as const;
  const file = selectModelFiles(await hub.listFiles(request)).find(({ path }) => path === CONFIG_FILE);
  if (file === undefined) throw new Error('a selected model has a config.json');
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(await hub.readFile({ ...request, file }));
  } catch (cause) {
    if (!(cause instanceof TypeError)) throw cause;
    throw new EnginesmithFailure('UnsupportedModel', `The ${CONFIG_FILE} of ${source.repository} is not UTF-8 text.`, {
      cause,
    });
  }
}

/** @throws EnginesmithFailure `UnsupportedModel` for a dataset repository without data files, and what the Hub throws */
export async function requireDataset(hub: HubClient, source: PinnedRepository): Promise<void> {
  selectDatasetFiles(await hub.listFiles({ kind: 'dataset', ...source }));
}
