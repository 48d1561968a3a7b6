import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { downloadAll, faultHub, LARGE, temporaryDirectory } from './download-kit.js';
import { type FileAnswer, sendContent, sha256 } from './fault-hub.js';

const flipped = Buffer.from(LARGE);
flipped[1_500_000] = (flipped[1_500_000] ?? 0) ^ 1;
const SENT = 1_234_567;

/** One large file, served with `answerFile`, downloaded to a fresh directory. */
async function attempt(answerFile: FileAnswer, content = LARGE, path = 'model.safetensors') {
  const hub = await faultHub({ files: { [path]: content }, answerFile });
  const directory = join(await temporaryDirectory(), 'model');
  const download = downloadAll(hub.url, directory, { token: 'hf_secret' });
  return { hub, directory, target: join(directory, path), download };
}

/** Sends the first part and ends the connection; then whatever `later` does. */
const cutThen =
  (later: FileAnswer): FileAnswer =>
  (exchange) => {
    if (exchange.attempt > 0) return later(exchange);
    const { response, content, etag } = exchange;
    response.writeHead(200, { ETag: etag, 'Content-Length': content.length });
    response.write(content.subarray(0, SENT), () => response.destroy());
  };

describe('a file that is served wrongly', () => {
  test('with a flipped byte is fetched once more, then refused, and never gets its name', async () => {
    const { hub, target, download } = await attempt((exchange) => sendContent({ ...exchange, content: flipped }));
    await expect(download).rejects.toMatchObject({ type: 'IntegrityMismatch', retryable: false });
    expect(hub.fileRequests.map(({ headers }) => headers.range)).toEqual([undefined, undefined]);
    expect(existsSync(target)).toBe(false);
  });

  test('with a flipped byte once comes right the second time', async () => {
    const { target, download } = await attempt((exchange) =>
      sendContent(exchange.attempt === 0 ? { ...exchange, content: flipped } : exchange),
    );
    await download;
    expect(sha256(await readFile(target))).toBe(sha256(LARGE));
  });

  test('with a flipped byte is refused when it is a small file under its git blob id too', async () => {
    const { target, download } = await attempt(
      (exchange) => sendContent({ ...exchange, content: Buffer.from('{"a":2}') }),
      Buffer.from('{"a":1}'),
      'config.json',
    );
    await expect(download).rejects.toMatchObject({ type: 'IntegrityMismatch' });
    expect(existsSync(target)).toBe(false);
  });

  test('with a length that is not the announced one is refused', async () => {
    const { target, download } = await attempt((exchange) =>
      sendContent({ ...exchange, content: LARGE.subarray(0, LARGE.length - 1000) }),
    );
    await expect(download).rejects.toMatchObject({
      type: 'HubProtocolViolation',
      message: expect.stringMatching(/Content-Length 3144745/),
    });
    expect(existsSync(target)).toBe(false);
  });

  test('in chunks, without a length, arrives all the same', async () => {
    const { target, download } = await attempt(({ response, content }) => {
      response.writeHead(200);
      response.write(content.subarray(0, 1000));
      response.end(content.subarray(1000));
    });
    await download;
    expect(sha256(await readFile(target))).toBe(sha256(LARGE));
  });

  test('compressed in spite of the request is refused', async () => {
    const { download } = await attempt(({ response, content }) => {
      response.writeHead(200, { 'Content-Encoding': 'gzip', 'Content-Length': content.length }).end(content);
    });
    await expect(download).rejects.toMatchObject({
      type: 'HubProtocolViolation',
      message: expect.stringMatching(/Content-Encoding gzip/),
    });
  });

  test('under a malformed entity tag is refused', async () => {
    const { download } = await attempt(({ response, content }) => {
      response.writeHead(200, { 'X-Linked-Etag': '"../../../evil"', 'Content-Length': content.length }).end(content);
    });
    await expect(download).rejects.toMatchObject({
      type: 'HubProtocolViolation',
      message: expect.stringContaining('entity tag "../../../evil"'),
    });
  });

  test('from another commit is refused', async () => {
    const { download } = await attempt(({ response, content }) => {
      response.writeHead(200, { 'X-Repo-Commit': 'f'.repeat(40), 'Content-Length': content.length }).end(content);
    });
    await expect(download).rejects.toMatchObject({
      type: 'HubProtocolViolation',
      message: expect.stringMatching(/another commit/),
    });
  });
});

describe('a connection that is cut in the middle', () => {
  test('goes on from the byte where it was cut, under the same entity tag', async () => {
    const { hub, target, download } = await attempt(cutThen(sendContent));
    await download;
    expect(sha256(await readFile(target))).toBe(sha256(LARGE));
    const [, second] = hub.fileRequests;
    expect(second?.headers.range).toBe(`bytes=${SENT}-`);
    expect(second?.headers['if-range']).toMatch(/^"[0-9a-f]{64}"$/);
  });

  test('starts over when the server ignores the range', async () => {
    const { target, download } = await attempt(
      cutThen(({ response, content, etag }) => {
        response.writeHead(200, { ETag: etag, 'Content-Length': content.length }).end(content);
      }),
    );
    await download;
    expect(sha256(await readFile(target))).toBe(sha256(LARGE));
  });

  test('starts over, without a range, when the server sends another range', async () => {
    const { hub, target, download } = await attempt(
      cutThen((exchange) => {
        if (exchange.attempt > 1) return sendContent(exchange);
        const { response, content, etag } = exchange;
        const range = `bytes ${SENT - 1}-${content.length - 1}/${content.length}`;
        response.writeHead(206, { ETag: etag, 'Content-Range': range, 'Content-Length': content.length - SENT });
        response.end(content.subarray(SENT));
      }),
    );
    await download;
    expect(sha256(await readFile(target))).toBe(sha256(LARGE));
    expect(hub.fileRequests.at(-1)?.headers.range).toBeUndefined();
  });

  test('starts over when the server goes on with another version', async () => {
    const { target, download } = await attempt(
      cutThen((exchange) => {
        if (exchange.attempt > 1) return sendContent(exchange);
        const { response, content } = exchange;
        const range = `bytes ${SENT}-${content.length - 1}/${content.length}`;
        const headers = {
          ETag: `"${'0'.repeat(64)}"`,
          'Content-Range': range,
          'Content-Length': content.length - SENT,
        };
        response.writeHead(206, headers).end(flipped.subarray(SENT));
      }),
    );
    await download;
    expect(sha256(await readFile(target))).toBe(sha256(LARGE));
  });
});
