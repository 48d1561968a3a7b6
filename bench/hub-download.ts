import { createHash, randomFillSync } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { mkdir, mkdtemp, open, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { execa } from 'execa';
import { fetch as undiciFetch } from 'undici';
import { createHubClient } from '../src/platform/hub/hub-client.js';
import { startHubMirror } from '../src/platform/hub-mirror/hub-mirror.js';

/*
 * How long one file takes over loopback: our download (every byte verified), plain curl (nothing verified) and undici's fetch
 * with the hash that any careful program would add. Prints one JSON object; figures of one run on one machine.
 *
 *   npx tsx bench/hub-download.ts [MiB, default 512]
 */
const bytes = Number(process.argv[2] ?? 512) * 1024 * 1024;
const directory = await mkdtemp(join(tmpdir(), 'enginesmith-bench-'));

async function writeRandomFile(path: string): Promise<void> {
  const chunk = Buffer.allocUnsafe(8 * 1024 * 1024);
  const handle = await open(path, 'w');
  for (let written = 0; written < bytes; written += chunk.length) await handle.write(randomFillSync(chunk));
  await handle.close();
}

async function secondsOf(operation: () => Promise<unknown>): Promise<number> {
  const startedAt = performance.now();
  await operation();
  return (performance.now() - startedAt) / 1000;
}

async function fetchAndHash(url: string, path: string): Promise<void> {
  const { body } = await undiciFetch(url);
  if (body === null) throw new Error('no body');
  const hash = createHash('sha256');
  const hashed = async function* (chunks: AsyncIterable<Uint8Array>) {
    for await (const chunk of chunks) {
      hash.update(chunk);
      yield chunk;
    }
  };
  await pipeline(Readable.fromWeb(body), hashed, createWriteStream(path));
}

try {
  const revision = join(directory, 'hub/models/bench/model/main');
  await mkdir(revision, { recursive: true });
  await writeRandomFile(join(revision, 'model.safetensors'));
  const mirror = await startHubMirror({ directory: join(directory, 'hub') });
  const client = createHubClient({ endpoint: mirror.url });
  const repository = { kind: 'model', repository: 'bench/model' } as const;
  const { commit } = await client.resolveRevision({ ...repository, revision: 'main' });
  const files = await client.listFiles({ ...repository, commit });
  const url = `${mirror.url}/bench/model/resolve/${commit}/model.safetensors`;

  const contestants: Record<string, (path: string) => Promise<unknown>> = {
    ours: (path) => client.download({ ...repository, commit, files, directory: path }),
    curl: (path) => execa('curl', ['--silent', '--fail', '--output', path, url]),
    undiciFetch: (path) => fetchAndHash(url, path),
  };
  const seconds: Record<string, number> = {};
  for (const [name, download] of Object.entries(contestants)) {
    const path = join(directory, name);
    seconds[name] = await secondsOf(() => download(path));
    await rm(path, { recursive: true });
  }
  await mirror.close();

  const { ours = Number.NaN, curl = Number.NaN, undiciFetch: plain = Number.NaN } = seconds;
  const report = { bytes, seconds, speedOfOursOver: { curl: curl / ours, undiciFetch: plain / ours } };
  process.stdout.write(`${JSON.stringify(report, undefined, 2)}\n`);
} finally {
  await rm(directory, { recursive: true, force: true });
}
