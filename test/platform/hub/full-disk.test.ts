import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { readFile, rm, statfs, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { openVerifiedPartial } from '../../../src/platform/hub/verified-partial.js';
import { downloadAll, faultHub, LARGE } from './download-kit.js';
import { type Exchange, sendContent } from './fault-hub.js';
import { partialContents } from './process-kit.js';
import { smallDisk } from './small-disk.js';
import { transfer } from './transfer-kit.js';

const MEBIBYTE = 1024 * 1024;
const name = 'model.safetensors';

describe('a full disk', () => {
  test('is told as such, with what was missing', () => {
    const file = { path: name, bytes: LARGE.length, digest: { algorithm: 'sha256', hex: '0'.repeat(64) } } as const;
    const partial = openVerifiedPartial('/dev/full', file);
    try {
      expect(() => partial.append(LARGE)).toThrow(
        expect.objectContaining({
          type: 'InsufficientDisk',
          retryable: true,
          context: { path: name, neededBytes: LARGE.length, freeBytes: 0 },
        }),
      );
    } finally {
      partial.close();
    }
  });

  test('that others fill during the download stops it, and it goes on from there when they make room', async ({
    skip,
  }) => {
    const disk = await smallDisk({ kibibytes: 5 * 1024, inodes: 100 });
    if (disk === undefined) return skip('nobody may mount here');
    const filler = join(disk, 'filler');
    const directory = join(disk, 'model');
    const fill = async ({ response, content, etag }: Exchange): Promise<void> => {
      response.writeHead(200, { ETag: etag, 'Content-Length': content.length });
      response.write(content.subarray(0, MEBIBYTE));
      const arrived = async (): Promise<number> => (await partialContents(directory))[0]?.length ?? 0;
      await expect.poll(arrived, { timeout: 20_000 }).toBe(MEBIBYTE);
      const { bavail, bsize } = await statfs(disk);
      await writeFile(filler, Buffer.alloc(bavail * bsize - MEBIBYTE));
      response.end(content.subarray(MEBIBYTE));
    };
    const hub = await faultHub({
      files: { [name]: LARGE },
      answerFile: (exchange) => (exchange.attempt === 0 ? void fill(exchange) : sendContent(exchange)),
    });
    const download = () => downloadAll(hub.url, directory, { idleTimeoutMs: 20_000 });
    await expect(download()).rejects.toMatchObject({
      type: 'InsufficientDisk',
      retryable: true,
      message: expect.stringMatching(/^The disk took no more while model\.safetensors was downloaded \(\d+ of 3145745/),
    });
    expect(existsSync(join(directory, name))).toBe(false);
    expect(hub.fileRequests).toHaveLength(1);

    await expect(download()).rejects.toMatchObject({ type: 'InsufficientDisk', retryable: false });
    expect(hub.fileRequests).toHaveLength(1);

    const [left] = await partialContents(directory);
    expect(left?.length).toBeGreaterThan(0);
    await rm(filler);
    await download();
    expect((await readFile(join(directory, name))).equals(LARGE)).toBe(true);
    expect(hub.fileRequests[1]?.headers.range).toBe(`bytes=${left?.length}-`);
  });

  test('without room for one more name, whichever that is, is told as such', async ({ skip }) => {
    const content = randomBytes(1000);
    const hub = await faultHub({ files: { [name]: content } });
    const outcomes: string[] = [];
    // One is the root's. Partial file, journal and what becomes the journal take one each.
    for (let inodes = 1; inodes <= 4; inodes++) {
      const disk = await smallDisk({ kibibytes: 1024, inodes });
      if (disk === undefined) return skip('nobody may mount here');
      outcomes.push(
        await transfer(hub.url, content, { directory: disk }).then(
          ({ arrived }) => (arrived ? 'arrived' : 'wrong'),
          ({ type, message }) => `${type}: ${message}`,
        ),
      );
    }
    const refused = expect.stringMatching(/^InsufficientDisk: The disk took no more while model\.safetensors/);
    expect(outcomes).toEqual([refused, refused, refused, 'arrived']);

    const disk = await smallDisk({ kibibytes: 1024, inodes: 2 });
    await expect(downloadAll(hub.url, join(disk ?? '', 'model'))).rejects.toMatchObject({
      type: 'InsufficientDisk',
      message: expect.stringMatching(/^The disk took no more while the download into .*\/model was prepared/),
    });
  });
});
