import { join } from 'node:path';
import { z } from 'zod';
import type { ActionKey, ArtifactReference, Digest } from '../../contracts/artifacts.js';
import { publishFile, readIfPresent, replaceFile, writeDurably } from '../durable-files.js';
import { parseJson } from '../parse-json.js';
import type { ArtifactFolders } from './artifact-folders.js';
import { isSha256, type StoreLayout } from './layout.js';

const actionSchema = z.object({ digest: z.string().refine(isSha256) });

/** Which artifact an action made: the entries that turn a key into a hit. */
export interface Actions {
  /** @returns undefined when nothing was made for the key, or what was made is no longer there or in quarantine */
  lookup(key: ActionKey): Promise<ArtifactReference | undefined>;
  /**
   * Records that `key` made an artifact. The first entry of a key stays as long as its artifact can be used: what was
   * built on it keeps hitting.
   * @param scratch a directory of this attempt, on the store's file system
   * @returns the artifact that the key names now
   */
  record(options: { key: ActionKey; reference: ArtifactReference; scratch: string }): Promise<ArtifactReference>;
}

export function createActions({ layout, folders }: { layout: StoreLayout; folders: ArtifactFolders }): Actions {
  const lookup: Actions['lookup'] = async (key) => {
    const digest = await readEntry(layout.action(key));
    return digest === undefined ? undefined : (await folders.describe(digest))?.reference;
  };

  return {
    lookup,
    async record({ key, reference, scratch }) {
      const entry = join(scratch, 'action.json');
      const content = { schema: 'enginesmith/action-entry/v1', key, digest: reference.digest };
      await writeDurably(entry, `${JSON.stringify(content)}\n`);
      if (await publishFile(entry, layout.action(key))) return reference;
      const first = await lookup(key);
      if (first !== undefined) return first;
      await replaceFile(entry, layout.action(key));
      return reference;
    },
  };
}

async function readEntry(path: string): Promise<Digest | undefined> {
  const text = await readIfPresent(path);
  return text === undefined ? undefined : actionSchema.safeParse(parseJson(text)).data?.digest;
}
