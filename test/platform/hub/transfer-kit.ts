import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { ProxySettings } from '../../../src/platform/hub/proxy.js';
import type { RetryPolicy } from '../../../src/platform/hub/retry.js';
import { transferFile } from '../../../src/platform/hub/transfer-file.js';
import { temporaryDirectory } from './download-kit.js';
import { COMMIT, sha256 } from './fault-hub.js';

const quickRetry: RetryPolicy = { attempts: 3, initialDelayMs: 2, maximumDelayMs: 50 };

/** One large file's transfer in this very thread, with no listing before it: as quick as its bytes. */
export async function transfer(
  endpoint: string,
  content: Buffer,
  options: {
    directory?: string;
    idleTimeoutMs?: number;
    retry?: RetryPolicy;
    token?: string;
    proxy?: ProxySettings;
  } = {},
) {
  const { directory = await temporaryDirectory(), idleTimeoutMs = 1000, retry = quickRetry, token, proxy } = options;
  const path = 'model.safetensors';
  const targetPath = join(directory, path);
  const progress = new BigInt64Array(new SharedArrayBuffer(BigInt64Array.BYTES_PER_ELEMENT));
  const transferred = await transferFile({
    file: { path, bytes: content.length, digest: { algorithm: 'sha256', hex: sha256(content) } },
    subject: { endpoint, kind: 'model', repository: 'org/model', revision: COMMIT },
    url: `${endpoint}/org/model/resolve/${COMMIT}/${path}`,
    token,
    idleTimeoutMs,
    proxy,
    retry,
    partialPath: partialPath(directory),
    journalPath: join(directory, 'journal.json'),
    targetPath,
    progress,
    slot: 0,
  });
  return { ...transferred, arrived: (await readFile(targetPath)).equals(content), bytes: Number(progress[0]) };
}

export const partialPath = (directory: string): string => join(directory, 'partial');
