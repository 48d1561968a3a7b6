import { existsSync } from 'node:fs';
import { appendFile, mkdir, readdir, readFile, rename, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { downloadAll, faultHub, LARGE, model, quickClient, temporaryDirectory } from './download-kit.js';
import { sha256 } from './fault-hub.js';

const files = {
  'model.safetensors': LARGE,
  'config.json': Buffer.from('{}'),
  'sub dir/täst#1.json': Buffer.from('[1]'),
};

describe('download', () => {
  test('brings every file to its name, with its sha256, in the order asked for', async () => {
    const hub = await faultHub({ files });
    const directory = join(await temporaryDirectory(), 'model');
    const downloaded = await downloadAll(hub.url, directory);
    expect(downloaded).toEqual(
      Object.entries(files).map(([path, content]) => ({ path, bytes: content.length, sha256: sha256(content) })),
    );
    for (const [path, content] of Object.entries(files))
      expect(sha256(await readFile(join(directory, path)))).toBe(sha256(content));
    expect((await readdir(directory)).sort()).toEqual(['config.json', 'model.safetensors', 'sub dir']);
  });

  test('does not fetch a completed file again', async () => {
    const hub = await faultHub({ files });
    const directory = join(await temporaryDirectory(), 'model');
    const first = await downloadAll(hub.url, directory);
    const requests = hub.fileRequests.length;
    expect(await downloadAll(hub.url, directory)).toEqual(first);
    expect(hub.fileRequests.length).toBe(requests);
  });

  test('fetches a completed file again that was changed on disk since', async () => {
    const hub = await faultHub({ files });
    const directory = join(await temporaryDirectory(), 'model');
    await downloadAll(hub.url, directory);
    await writeFile(join(directory, 'config.json'), '[]');
    await downloadAll(hub.url, directory);
    expect(await readFile(join(directory, 'config.json'), 'utf8')).toBe('{}');
  });

  test('adopts a file that no journal vouches for after hashing it, without fetching it', async () => {
    const hub = await faultHub({ files });
    const directory = join(await temporaryDirectory(), 'model');
    await downloadAll(hub.url, directory);
    const requests = hub.fileRequests.length;
    await utimes(join(directory, 'model.safetensors'), 1, 1);
    const again = await downloadAll(hub.url, directory);
    expect(again[0]?.sha256).toBe(sha256(LARGE));
    expect(hub.fileRequests.length).toBe(requests);
  });

  test('reports progress up to the last byte', async () => {
    const hub = await faultHub({ files });
    const directory = join(await temporaryDirectory(), 'model');
    const client = quickClient({ endpoint: hub.url });
    const listed = await client.listFiles(model);
    const reports: { bytes: number; totalBytes: number }[] = [];
    await client.download({ ...model, files: listed, directory, onProgress: (progress) => reports.push(progress) });
    const totalBytes = Object.values(files).reduce((sum, { length }) => sum + length, 0);
    expect(reports.at(-1)).toEqual({ bytes: totalBytes, totalBytes });
  });

  test('refuses before the first request when the disk cannot hold the files', async () => {
    const hub = await faultHub({ files });
    const directory = join(await temporaryDirectory(), 'model');
    const client = quickClient({ endpoint: hub.url });
    const [file] = await client.listFiles(model);
    const huge = file === undefined ? [] : [{ ...file, bytes: 2 ** 52 }];
    await expect(client.download({ ...model, files: huge, directory })).rejects.toMatchObject({
      type: 'InsufficientDisk',
      context: { neededBytes: 2 ** 52, freeBytes: expect.any(Number) },
    });
    expect(hub.fileRequests).toEqual([]);
  });

  test('two downloads into one directory at once both end well', async () => {
    const hub = await faultHub({ files });
    const directory = join(await temporaryDirectory(), 'model');
    const [left, right] = await Promise.all([downloadAll(hub.url, directory), downloadAll(hub.url, directory)]);
    expect(left).toEqual(right);
    expect(sha256(await readFile(join(directory, 'model.safetensors')))).toBe(sha256(LARGE));
  });

  test('takes nothing away from another that has just completed it', async () => {
    const many = Object.fromEntries(
      Array.from({ length: 300 }, (_, index) => [`part-${index}.json`, Buffer.from(`${index}`)]),
    );
    const hub = await faultHub({ files: many });
    const directory = join(await temporaryDirectory(), 'model');
    const first = downloadAll(hub.url, directory);
    await expect.poll(() => hub.fileRequests.length, { interval: 1, timeout: 20_000 }).toBeGreaterThan(20);
    let running = true;
    const both = Promise.all([first, downloadAll(hub.url, directory)]).finally(() => {
      running = false;
    });
    const seen = new Set<string>();
    while (running) {
      const present = await readdir(directory);
      expect([...seen].filter((path) => !present.includes(path))).toEqual([]);
      for (const path of present) seen.add(path);
    }
    await both;
    expect((await readdir(directory)).sort()).toEqual(Object.keys(many).sort());
  });

  test('goes on from the longest abandoned partial file and deletes the shorter ones', async () => {
    const hub = await faultHub({ files: { 'model.safetensors': LARGE } });
    const parent = await temporaryDirectory();
    const state = join(parent, 'model.download');
    await downloadAll(hub.url, join(parent, 'model'));
    const key = (await readdir(state))[0]?.replace('.json', '');
    await rename(join(parent, 'model'), join(parent, 'other'));
    await writeFile(join(state, `${key}.released-aa.part`), LARGE.subarray(0, 1_000_000));
    await writeFile(join(state, `${key}.released-bb.part`), LARGE.subarray(0, 2_000_000));
    await downloadAll(hub.url, join(parent, 'model'));
    expect(hub.fileRequests.at(-1)?.headers.range).toBe('bytes=2000000-');
    expect((await readdir(state)).filter((name) => name.endsWith('.part'))).toEqual([]);
  });

  test('starts over when a partial file holds more than the file has', async () => {
    const hub = await faultHub({ files: { 'model.safetensors': LARGE } });
    const directory = join(await temporaryDirectory(), 'model');
    await mkdir(directory);
    await writeFile(join(directory, 'model.safetensors'), LARGE);
    await appendFile(join(directory, 'model.safetensors'), 'more');
    await downloadAll(hub.url, directory);
    expect(sha256(await readFile(join(directory, 'model.safetensors')))).toBe(sha256(LARGE));
  });

  test('stops when it is cancelled, and leaves what has arrived', async () => {
    const controller = new AbortController();
    const reason = new Error('cancelled by the test');
    const hub = await faultHub({
      files: { 'model.safetensors': LARGE },
      answerFile({ response, content, attempt, etag, request }) {
        expect(attempt).toBe(0);
        expect(request.headers.range).toBeUndefined();
        response.writeHead(200, { ETag: etag, 'Content-Length': content.length });
        response.write(content.subarray(0, 1_000_000));
      },
    });
    const directory = join(await temporaryDirectory(), 'model');
    const client = quickClient({ endpoint: hub.url, idleTimeoutMs: 30_000 });
    const listed = await client.listFiles(model);
    const onProgress = ({ bytes }: { bytes: number }): void => {
      if (bytes === 1_000_000) controller.abort(reason);
    };
    const download = client.download({ ...model, files: listed, directory, onProgress, signal: controller.signal });
    await expect(download).rejects.toBe(reason);
    expect(existsSync(join(directory, 'model.safetensors'))).toBe(false);
    const parts = (await readdir(`${directory}.download`)).filter((name) => name.endsWith('.part'));
    expect(parts).toEqual([expect.stringContaining('.released-')]);
  });
});
