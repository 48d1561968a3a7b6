import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, readFile, rename, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, onTestFinished, test } from 'vitest';
import { createHubClient } from '../../../src/platform/hub/hub-client.js';
import { startHubMirror } from '../../../src/platform/hub-mirror/hub-mirror.js';
import { createHubGate } from '../../support/hub-gate.js';
import { faultHub, LARGE, quickClient, temporaryDirectory } from './download-kit.js';
import type { FileAnswer } from './fault-hub.js';
import { rawServer } from './raw-server.js';
import { localhostTls, trustEveryone } from './tls-kit.js';
import { partialPath, transfer } from './transfer-kit.js';

const MEBIBYTE = 1024 * 1024;
/** As small as a file can be that goes through the socket transport. */
const content = randomBytes(MEBIBYTE + 17);
const name = 'model.safetensors';
const serving = (answerFile?: FileAnswer, served = content) =>
  faultHub({ files: { [name]: served }, ...(answerFile === undefined ? {} : { answerFile }) });

describe('what a killed attempt left', () => {
  test('is gone on from at any byte, and no byte before it is fetched', async () => {
    const hub = await serving();
    const offsets = fc.oneof(
      fc.integer({ min: 0, max: content.length }),
      fc.constantFrom(0, 1, MEBIBYTE, content.length - 1, content.length),
    );
    await fc.assert(
      fc.asyncProperty(offsets, async (offset) => {
        const before = hub.fileRequests.length;
        const directory = await temporaryDirectory();
        await writeFile(partialPath(directory), content.subarray(0, offset));
        expect(await transfer(hub.url, content, { directory })).toMatchObject({ arrived: true, bytes: content.length });
        const ranges = hub.fileRequests.slice(before).map(({ headers }) => headers.range);
        const expected = offset === 0 ? [undefined] : [`bytes=${offset}-`];
        expect(ranges).toEqual(offset === content.length ? [] : expected);
      }),
      { numRuns: 25 },
    );
  });

  test('is thrown away when a byte of it is wrong, wherever that is', async () => {
    const hub = await serving();
    await fc.assert(
      fc.asyncProperty(fc.nat(content.length - 1), fc.integer({ min: 1, max: 255 }), async (position, mask) => {
        const directory = await temporaryDirectory();
        const left = Buffer.from(
          content.subarray(0, fc.sample(fc.integer({ min: position + 1, max: content.length }), 1)[0]),
        );
        left[position] = (left[position] ?? 0) ^ mask;
        await writeFile(partialPath(directory), left);
        expect(await transfer(hub.url, content, { directory })).toMatchObject({ arrived: true });
        expect(hub.fileRequests.at(-1)?.headers.range).toBeUndefined();
      }),
      { numRuns: 10 },
    );
  });
});

describe.each([
  ['http', {}],
  ['https', { tls: localhostTls }],
])('a server that lies about the length over %s', (_, options) => {
  trustEveryone();
  const head = (headers: string): string => `HTTP/1.1 200 OK\r\n${headers}\r\n\r\n`;

  test('by sending more than it said is read to the length and no further', async () => {
    const { url } = await rawServer((socket) => {
      socket.end(Buffer.concat([Buffer.from(head(`Content-Length: ${content.length}`)), content, randomBytes(5000)]));
    }, options);
    expect(await transfer(url, content)).toMatchObject({ arrived: true });
  });

  test.each([1000, -1000])('by announcing %i bytes more than the Hub is refused', async (more) => {
    const { url, requests } = await rawServer((socket) => {
      const longer = Buffer.concat([content, randomBytes(1000)]).subarray(0, content.length + more);
      socket.end(Buffer.concat([Buffer.from(head(`Content-Length: ${longer.length}`)), longer]));
    }, options);
    await expect(transfer(url, content)).rejects.toMatchObject({
      type: 'HubProtocolViolation',
      message: expect.stringContaining(`Content-Length ${content.length + more}`),
    });
    expect(requests).toHaveLength(2);
  });

  test('by sending more in chunks than the Hub announced is refused', async () => {
    const answerFile: FileAnswer = ({ response }) => response.writeHead(200).end(Buffer.concat([content, content]));
    const hub = await faultHub({ files: { [name]: content }, answerFile, ...options });
    await expect(transfer(hub.url, content)).rejects.toMatchObject({
      type: 'HubProtocolViolation',
      message: expect.stringContaining('more bytes'),
    });
  });

  test.each([
    ['less', '206 Partial Content', -500],
    ['more', '206 Partial Content', 500],
    ['nothing', '416 Range Not Satisfiable', 1000],
  ])('by announcing %s for the range that is asked for is asked for all', async (_title, status, more) => {
    const { url, requests } = await rawServer((socket, _connection, request) => {
      const isRange = request.includes('Range: bytes=1000-');
      const rest = content.subarray(isRange ? 1000 : 0);
      const range = `Content-Range: bytes 1000-${content.length - 1}/${content.length}`;
      const partly = `HTTP/1.1 ${status}\r\n${range}\r\nContent-Length: ${rest.length + more}\r\n\r\n`;
      socket.end(Buffer.concat([Buffer.from(isRange ? partly : head(`Content-Length: ${rest.length}`)), rest]));
    }, options);
    const directory = await temporaryDirectory();
    await writeFile(partialPath(directory), content.subarray(0, 1000));
    expect(await transfer(url, content, { directory })).toMatchObject({ arrived: true });
    expect(requests.map((request) => request.includes('Range:'))).toEqual([true, false]);
  });

  test('by ending early each time, in chunks or in the middle of a length, is never taken for the whole', async () => {
    // A body without a length is met by the socket first, which leaves it to the full parser: one request more.
    for (const [headers, requests] of [[{}, 4] as const, [{ 'Content-Length': content.length }, 3] as const]) {
      const answerFile: FileAnswer = ({ request, response }) => {
        if (request.headers.range !== undefined) return response.destroy();
        response.writeHead(200, headers).write(content.subarray(0, 1000), () => {
          if (requests === 4) response.end();
          else response.destroy();
        });
      };
      const hub = await faultHub({ files: { [name]: content }, answerFile, ...options });
      const directory = await temporaryDirectory();
      await expect(transfer(hub.url, content, { directory })).rejects.toMatchObject({ type: 'HubUnavailable' });
      expect(existsSync(join(directory, name))).toBe(false);
      expect((await stat(partialPath(directory))).size).toBe(1000);
      expect(hub.fileRequests).toHaveLength(requests);
    }
  });
});

describe('a revision that moves while it is downloaded', () => {
  const commitOf = { kind: 'model', repository: 'org/model' } as const;

  async function movingHub(served = content) {
    const directory = await temporaryDirectory();
    const main = join(directory, 'models/org/model/main');
    await mkdir(main, { recursive: true });
    await writeFile(join(main, name), served);
    const mirror = await startHubMirror({ directory });
    onTestFinished(() => mirror.close());
    const gate = await createHubGate(Number(new URL(mirror.url).port));
    onTestFinished(() => gate.close());
    const client = quickClient({ endpoint: gate.url, idleTimeoutMs: 20_000 });
    const { commit } = await client.resolveRevision({ ...commitOf, revision: 'main' });
    return { main, gate, client, pinned: { ...commitOf, commit }, target: join(directory, 'target') };
  }

  test('is downloaded as it was when it was pinned', async () => {
    const { main, client, pinned, target } = await movingHub();
    const files = await client.listFiles(pinned);
    await rename(main, `${main}-before`);
    await mkdir(main);
    await writeFile(join(main, name), LARGE);
    expect(await client.resolveRevision({ ...commitOf, revision: 'main' })).not.toEqual({ commit: pinned.commit });
    await client.download({ ...pinned, files, directory: target });
    expect((await readFile(join(target, name))).equals(content)).toBe(true);
  });

  test('is refused when what was pinned is gone, and nothing of the new content is used', async () => {
    const { main, client, pinned, target } = await movingHub();
    const files = await client.listFiles(pinned);
    await writeFile(join(main, name), LARGE);
    await expect(client.download({ ...pinned, files, directory: target })).rejects.toMatchObject({
      type: 'ModelNotFound',
    });
    expect(existsSync(join(target, name))).toBe(false);
  });

  test('in the middle of a file gives neither a mixture nor the new bytes under the old commit', async () => {
    // More than the sockets between a Hub and a download hold, so that what is sent last is read last.
    const [before, after] = [randomBytes(32 * MEBIBYTE), randomBytes(32 * MEBIBYTE)];
    const { main, gate, client, pinned, target } = await movingHub(before);
    const files = await client.listFiles(pinned);
    const held = gate.hold(new RegExp(name), MEBIBYTE);
    const download = client.download({ ...pinned, files, directory: target });
    await held.reached;
    // In place, as rsync --inplace does: what was not read yet is the new content.
    await writeFile(join(main, name), after, { flag: 'r+' });
    held.release();
    await expect(download).rejects.toMatchObject({ type: 'ModelNotFound' });
    expect(existsSync(join(target, name))).toBe(false);

    const moved = { ...commitOf, ...(await client.resolveRevision({ ...commitOf, revision: 'main' })) };
    await client.download({ ...moved, files: await client.listFiles(moved), directory: target });
    expect((await readFile(join(target, name))).equals(after)).toBe(true);
  });
});

describe('a revision that does not exist', () => {
  test('is refused with the ones that are most like it', async () => {
    const directory = await temporaryDirectory();
    for (const revision of ['main', 'v1.0', 'v2.0-beta', 'refs%2Fpr%2F1']) {
      await mkdir(join(directory, 'models/org/model', revision), { recursive: true });
      await writeFile(join(directory, 'models/org/model', revision, 'config.json'), revision);
    }
    const mirror = await startHubMirror({ directory });
    onTestFinished(() => mirror.close());
    const asked = createHubClient({ endpoint: mirror.url }).resolveRevision({
      kind: 'model',
      repository: 'org/model',
      revision: 'V1.O',
    });
    await expect(asked).rejects.toMatchObject({
      type: 'ModelNotFound',
      message: expect.stringContaining('does not have V1.O of it; it has v1.0, main, v2.0-beta.'),
    });
  });
});
