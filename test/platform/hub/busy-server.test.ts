import { randomBytes } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { parseRetryAfterMs } from '../../../src/platform/hub/retry.js';
import { faultHub, LARGE, quickClient } from './download-kit.js';
import { COMMIT, type FileAnswer, sendAndStall, sendContent } from './fault-hub.js';
import { transfer } from './transfer-kit.js';

const MEBIBYTE = 1024 * 1024;
const content = randomBytes(MEBIBYTE + 17);
const serving = (answerFile: FileAnswer, served = content) =>
  faultHub({ files: { 'model.safetensors': served }, answerFile });

/** How long the client left between its requests, in milliseconds. */
function pausesOf(times: readonly number[]): number[] {
  return times.slice(1).map((time, index) => time - (times[index] ?? 0));
}

describe('a server that is busy', () => {
  test('is asked again after 503 and 429, no sooner than Retry-After says', async () => {
    const times: number[] = [];
    const hub = await serving((exchange) => {
      times.push(performance.now());
      if (exchange.attempt > 1) return sendContent(exchange);
      const headers = { 'Retry-After': '0.04', 'Content-Length': 0 };
      exchange.response.writeHead(exchange.attempt === 0 ? 503 : 429, headers).end();
    });
    expect(await transfer(hub.url, content)).toMatchObject({ arrived: true });
    expect(Math.min(...pausesOf(times))).toBeGreaterThanOrEqual(39);
  });

  test.each(['0', '-1', new Date(0).toUTCString(), 'soon'])(
    'with Retry-After: %s is not asked sooner than without',
    async (retryAfter) => {
      const times: number[] = [];
      const hub = await serving(({ response }) => {
        times.push(performance.now());
        response.writeHead(429, { 'Retry-After': retryAfter, 'Content-Length': 0 }).end();
      });
      const retry = { attempts: 3, initialDelayMs: 60, maximumDelayMs: 60 };
      const failure: unknown = await transfer(hub.url, content, { retry }).catch((error: unknown) => error);
      expect(failure).toMatchObject({ type: 'HubUnavailable', nextRetryDelayMs: undefined });
      expect(times).toHaveLength(3);
      // Three quarters of the delay, less a millisecond that timers may be early.
      expect(Math.min(...pausesOf(times))).toBeGreaterThanOrEqual(44);
    },
  );

  test.each([
    ['120', 120_000],
    ['86400', 900_000],
    ['9'.repeat(400), 900_000],
  ])(
    'that asks for a pause of %s seconds is left to the caller, with a pause of %i ms',
    async (retryAfter, expected) => {
      const hub = await serving(({ response }) => {
        response.writeHead(429, { 'Retry-After': retryAfter, 'Content-Length': 0 }).end();
      });
      await expect(transfer(hub.url, content)).rejects.toMatchObject({
        type: 'HubUnavailable',
        retryable: true,
        nextRetryDelayMs: expected,
      });
      expect(hub.fileRequests).toHaveLength(1);
    },
  );

  test('may name a date', () => {
    const date = new Date(Date.now() + 60_000).toUTCString();
    expect(parseRetryAfterMs(date)).toBeGreaterThan(57_000);
    expect(parseRetryAfterMs(date)).toBeLessThanOrEqual(60_000);
  });

  test('with its API is asked again there too', async () => {
    const times: number[] = [];
    const hub = await faultHub({
      files: {},
      answerApi(_, response) {
        times.push(performance.now());
        if (times.length > 2) return false;
        response.writeHead(times.length === 1 ? 429 : 500, { 'Retry-After': '0.04' }).end();
        return true;
      },
    });
    const asked = quickClient({ endpoint: hub.url }).resolveRevision({
      kind: 'model',
      repository: 'org/model',
      revision: 'main',
    });
    expect(await asked).toEqual({ commit: COMMIT });
    expect(Math.min(...pausesOf(times))).toBeGreaterThanOrEqual(39);
  });
});

describe('a server that is away for long', () => {
  test.each([500, 502, 503, 504])('behind %i is given up after as many tries as the policy has', async (status) => {
    const hub = await serving(({ response }) => {
      response.writeHead(status, { 'Content-Length': 0 }).end();
    });
    const retry = { attempts: 5, initialDelayMs: 10, maximumDelayMs: 40 };
    const startedAt = performance.now();
    await expect(transfer(hub.url, content, { retry })).rejects.toMatchObject({
      type: 'HubUnavailable',
      retryable: true,
    });
    expect(hub.fileRequests).toHaveLength(5);
    // 10, 20, 40 and 40 ms, each less a quarter at most.
    const tookMs = performance.now() - startedAt;
    expect(tookMs).toBeGreaterThanOrEqual(82);
    expect(tookMs).toBeLessThan(2000);
  });

  test('again and again is borne as long as bytes arrive in between', async () => {
    const hub = await serving(({ attempt, request, response, etag }) => {
      if (attempt % 2 === 1) return response.writeHead(502, { 'Content-Length': 0 }).end();
      const start = Number(/\d+/.exec(request.headers.range ?? '')?.[0] ?? 0);
      const range = { 'Content-Range': `bytes ${start}-${LARGE.length - 1}/${LARGE.length}` };
      response.writeHead(start === 0 ? 200 : 206, {
        ETag: etag,
        'Content-Length': LARGE.length - start,
        ...(start === 0 ? {} : range),
      });
      response.write(LARGE.subarray(start, start + MEBIBYTE), () => response.destroy());
    }, LARGE);
    expect(await transfer(hub.url, LARGE)).toMatchObject({ arrived: true });
    expect(hub.fileRequests.length).toBeGreaterThan(3);
  });
});

describe('a slow server', () => {
  test('that keeps sending is waited for, however long it takes in all', async () => {
    const idleTimeoutMs = 1_500;
    const hub = await serving(async ({ response, etag }) => {
      response.writeHead(200, { ETag: etag, 'Content-Length': content.length });
      for (let sent = 0; sent < content.length; sent += 100_000) {
        response.write(content.subarray(sent, sent + 100_000));
        await delay(200);
      }
      response.end();
    });
    const startedAt = performance.now();
    expect(await transfer(hub.url, content, { idleTimeoutMs })).toMatchObject({ arrived: true });
    expect(performance.now() - startedAt).toBeGreaterThan(idleTimeoutMs);
    expect(hub.fileRequests).toHaveLength(1);
  });

  test('that falls silent is left, and the rest is fetched over another connection', async () => {
    const hub = await serving((exchange) =>
      exchange.attempt === 0 ? sendAndStall(exchange, 123_456) : sendContent(exchange),
    );
    expect(await transfer(hub.url, content, { idleTimeoutMs: 500 })).toMatchObject({ arrived: true });
    expect(hub.fileRequests.map(({ headers }) => headers.range)).toEqual([undefined, 'bytes=123456-']);
  });

  test('that is late with its first byte, and quick then, is not left', async () => {
    const idleTimeoutMs = 1_800;
    const hub = await serving(async ({ response, etag }) => {
      await delay(1_000);
      response.writeHead(200, { ETag: etag, 'Content-Length': content.length }).flushHeaders();
      await delay(1_000);
      response.write(content.subarray(0, 1000));
      await delay(50);
      response.end(content.subarray(1000));
    });
    expect(await transfer(hub.url, content, { idleTimeoutMs })).toMatchObject({ arrived: true });
    expect(hub.fileRequests).toHaveLength(1);
  });

  test.each([
    ['a large file', content],
    ['a small file', content.subarray(0, 100_000)],
  ])(
    'that trickles %s is left like one that is silent, and the rest is fetched over another connection',
    async (_, served) => {
      const hub = await serving(async (exchange) => {
        if (exchange.attempt > 0) return sendContent(exchange);
        const { response, etag } = exchange;
        response.writeHead(200, { ETag: etag, 'Content-Length': served.length });
        for (let sent = 0; !response.destroyed; sent += 100) {
          response.write(served.subarray(sent, sent + 100));
          await delay(10);
        }
      }, served);
      expect(await transfer(hub.url, served, { idleTimeoutMs: 500 })).toMatchObject({ arrived: true });
      expect(hub.fileRequests.map(({ headers }) => headers.range)).toEqual([
        undefined,
        expect.stringMatching(/^bytes=\d{3,4}-$/),
      ]);
    },
  );
});
