import { randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { faultHub, temporaryDirectory } from './download-kit.js';
import { type Exchange, sha256 } from './fault-hub.js';
import { compiledDownload, finish, partialContents } from './process-kit.js';
import { localhostTls, trusting } from './tls-kit.js';

const startDownload = compiledDownload();

/** Shards that go through the socket, and files that do not, of sizes that end nowhere in particular. */
const files: Record<string, Buffer> = {
  ...Object.fromEntries(
    Array.from({ length: 6 }, (_, shard) => [
      `model-0000${shard + 1}-of-00006.safetensors`,
      randomBytes(1_048_576 + shard * 123_457),
    ]),
  ),
  'config.json': Buffer.from('{"architectures":["LlamaForCausalLM"]}'),
  'sub dir/tokenizer.json': randomBytes(700_001),
};
const totalBytes = Object.values(files).reduce((sum, { length }) => sum + length, 0);
const expected = Object.entries(files).map(([path, content]) => ({
  path,
  bytes: content.length,
  sha256: sha256(content),
}));

/** Serves at a pace that leaves time to be killed at any byte. Calls `onSent` when so many more bytes have been sent. */
const pacedBy =
  (onSent: (bytes: number) => void) =>
  async ({ request, response, content, etag }: Exchange): Promise<void> => {
    const start = Number(/\d+/.exec(request.headers.range ?? '')?.[0] ?? 0);
    const range = { 'Content-Range': `bytes ${start}-${content.length - 1}/${content.length}` };
    response.writeHead(start === 0 ? 200 : 206, {
      ETag: etag,
      'Content-Length': content.length - start,
      ...(start === 0 ? {} : range),
    });
    for (let sent = start; sent < content.length && !response.destroyed; sent += 20_011) {
      const piece = content.subarray(sent, sent + 20_011);
      response.write(piece);
      onSent(piece.length);
      await delay(1);
    }
    response.end();
  };

/** The paths that have their names, each with all of its bytes. */
async function visiblePaths(directory: string): Promise<string[]> {
  const visible: string[] = [];
  for (const [path, content] of Object.entries(files)) {
    const found = await readFile(join(directory, path)).catch(() => undefined);
    if (found === undefined) continue;
    expect(found.equals(content), path).toBe(true);
    visible.push(path);
  }
  return visible;
}

/** What the next download has to ask for: nothing of what has its name, and of each other file what its longest part lacks. */
async function missingRanges(directory: string): Promise<Record<string, string | undefined>> {
  const parts = await partialContents(directory);
  const visible = await visiblePaths(directory);
  const missing = Object.entries(files).flatMap(([path, content]) => {
    const lengths = parts
      .filter((part) => part.length > 0 && part.equals(content.subarray(0, part.length)))
      .map(({ length }) => length);
    const present = Math.max(0, ...lengths);
    if (visible.includes(path) || present === content.length) return [];
    return [[path, present === 0 ? undefined : `bytes=${present}-`] as const];
  });
  expect(parts.filter((part) => !Object.values(files).some((content) => content.indexOf(part) === 0))).toEqual([]);
  return Object.fromEntries(missing);
}

const kill = fc.record({
  afterBytes: fc.nat(Math.floor(totalBytes / 6)),
  delayMs: fc.nat(4),
  scheme: fc.constantFrom('http', 'https'),
});

describe('a download of shards', { timeout: 300_000 }, () => {
  test('ends well however often it is killed, at whatever byte, over http and https, and fetches nothing twice', async () => {
    let onSent = (_: number): void => undefined;
    const answerFile = (exchange: Exchange): void => void pacedBy((bytes) => onSent(bytes))(exchange);
    const hubs = {
      http: await faultHub({ files, answerFile }),
      https: await faultHub({ files, answerFile, tls: localhostTls }),
    };
    let killed = 0;

    await fc.assert(
      fc.asyncProperty(fc.array(kill, { minLength: 8, maxLength: 8 }), async (kills) => {
        const directory = join(await temporaryDirectory(), 'model');
        const run = async (scheme: 'http' | 'https', endAfter?: { afterBytes: number; delayMs: number }) => {
          const ranges = await missingRanges(directory);
          const { fileRequests } = hubs[scheme];
          const before = fileRequests.length;
          const child = startDownload(hubs[scheme].url, directory, { environment: trusting });
          let left = endAfter?.afterBytes ?? Number.POSITIVE_INFINITY;
          onSent = (bytes) => {
            left -= bytes;
            if (left < 0) setTimeout(() => child.kill('SIGKILL'), endAfter?.delayMs);
          };
          const { output, problems } = await finish(child);
          expect(problems).toBe('');
          for (const { url, headers } of fileRequests.slice(before)) {
            const path = decodeURIComponent(url?.split('/').slice(5).join('/') ?? '');
            expect(Object.keys(ranges)).toContain(path);
            expect(headers.range, path).toBe(ranges[path]);
          }
          return { output, signal: child.signalCode };
        };
        for (const { scheme, ...endAfter } of kills) {
          if ((await run(scheme, endAfter)).signal === 'SIGKILL') killed++;
        }
        expect(JSON.parse((await run('http')).output)).toEqual(expected);
        expect(await visiblePaths(directory)).toEqual(Object.keys(files));
        expect(await partialContents(directory)).toEqual([]);
      }),
      { numRuns: 3, endOnFailure: true },
    );
    expect(killed).toBeGreaterThan(8);
  });

  test('by two processes into one directory ends well in both, or in the one that is not killed', async () => {
    for (const killAfterBytes of [Number.POSITIVE_INFINITY, Math.floor(totalBytes * Math.random())]) {
      let left = killAfterBytes;
      const answerFile = (exchange: Exchange): void =>
        void pacedBy((bytes) => {
          left -= bytes;
          if (left < 0) second.kill('SIGKILL');
        })(exchange);
      const hub = await faultHub({ files, answerFile });
      const directory = join(await temporaryDirectory(), 'model');
      const [first, second] = [startDownload(hub.url, directory), startDownload(hub.url, directory)];
      const [one, other] = await Promise.all([finish(first), finish(second)]);
      for (const { output, problems } of second.signalCode === 'SIGKILL' ? [one] : [one, other]) {
        expect(problems).toBe('');
        expect(JSON.parse(output)).toEqual(expected);
      }
      expect(await visiblePaths(directory)).toEqual(Object.keys(files));
      const requests = hub.fileRequests.length;
      expect((await finish(startDownload(hub.url, directory))).exitCode).toBe(0);
      expect(hub.fileRequests).toHaveLength(requests);
    }
  });
});
