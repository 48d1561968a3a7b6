import { randomBytes } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { downloadAll, faultHub, quickClient, temporaryDirectory } from './download-kit.js';
import { COMMIT, type Exchange, type FaultHub, type FileAnswer, sendContent } from './fault-hub.js';
import { transfer } from './transfer-kit.js';

const name = 'model.safetensors';
const token = 'hf_secret';
const large = randomBytes(1024 * 1024 + 17);
const serving = (content: Buffer, answerFile: FileAnswer = sendContent) =>
  faultHub({ files: { [name]: content }, answerFile });

const redirectTo =
  (location: (exchange: Exchange) => string): FileAnswer =>
  (exchange) =>
    exchange.response.writeHead(302, { Location: location(exchange), 'Content-Length': 0 }).end();

const tokensSeen = ({ fileRequests }: FaultHub): (string | undefined)[] =>
  fileRequests.map(({ headers }) => headers.authorization);

/** The same server by its other name: another origin. */
const byName = (url: string): string => url.replace('127.0.0.1', 'localhost');

describe.each([
  ['a large file', large],
  ['a small file', randomBytes(1000)],
])('a redirect of %s', (_, content) => {
  test('within the origin keeps the token, to another port drops it', async () => {
    const elsewhere = await serving(content);
    const hub = await serving(
      content,
      redirectTo(({ request, attempt }) => (attempt === 0 ? `${request.url}?signed=1` : elsewhere.url + request.url)),
    );
    expect(await transfer(hub.url, content, { token })).toMatchObject({ arrived: true });
    expect(tokensSeen(hub)).toEqual([`Bearer ${token}`, `Bearer ${token}`]);
    expect(tokensSeen(elsewhere)).toEqual([undefined]);
  });

  test('to the same port under another name drops the token', async () => {
    const hub = await serving(content, (exchange) => {
      if (exchange.attempt > 0) return sendContent(exchange);
      redirectTo(({ request }) => byName(hub.url) + request.url)(exchange);
    });
    expect(await transfer(hub.url, content, { token })).toMatchObject({ arrived: true });
    expect(tokensSeen(hub)).toEqual([`Bearer ${token}`, undefined]);
  });

  test('that comes back from another host finds the Hub without the token', async () => {
    const elsewhere = await serving(
      content,
      redirectTo(({ request }) => hub.url + request.url),
    );
    const hub: FaultHub = await serving(content, (exchange) => {
      if (exchange.attempt > 0) return sendContent(exchange);
      redirectTo(({ request }) => elsewhere.url + request.url)(exchange);
    });
    expect(await transfer(hub.url, content, { token })).toMatchObject({ arrived: true });
    expect(tokensSeen(hub)).toEqual([`Bearer ${token}`, undefined]);
    expect(tokensSeen(elsewhere)).toEqual([undefined]);
  });

  test('is followed without a token when there is none, and the rest is asked for where it was cut', async () => {
    const half = Math.floor(content.length / 2);
    const elsewhere = await serving(content, (exchange) => {
      if (exchange.attempt > 0) return sendContent(exchange);
      const { response, etag } = exchange;
      response.writeHead(200, { ETag: etag, 'Content-Length': content.length });
      response.write(content.subarray(0, half), () => response.destroy());
    });
    const hub = await serving(
      content,
      redirectTo(({ request }) => elsewhere.url + request.url),
    );
    expect(await transfer(hub.url, content)).toMatchObject({ arrived: true });
    expect([...tokensSeen(hub), ...tokensSeen(elsewhere)]).toEqual([undefined, undefined, undefined, undefined]);
    const ranges = [hub, elsewhere].map(({ fileRequests }) => fileRequests.map(({ headers }) => headers.range));
    expect(ranges).toEqual([
      [undefined, `bytes=${half}-`],
      [undefined, `bytes=${half}-`],
    ]);
  });

  test('to an address that has expired is followed anew from the Hub', async () => {
    const elsewhere = await serving(content, (exchange) => {
      if (exchange.attempt > 0) return sendContent(exchange);
      exchange.response.writeHead(403, { 'Content-Length': 0 }).end();
    });
    const hub = await serving(
      content,
      redirectTo(({ request }) => elsewhere.url + request.url),
    );
    expect(await transfer(hub.url, content)).toMatchObject({ arrived: true });
    expect(hub.fileRequests).toHaveLength(2);
  });

  test.each([
    ['without an end', ({ request }: Exchange) => request.url ?? '/', /more than 8 redirects/],
    ['to no HTTP address', () => 'file:///etc/passwd', /a redirect to no HTTP address/],
  ])('%s is refused', async (_title, location, message) => {
    const hub = await serving(content, redirectTo(location));
    await expect(transfer(hub.url, content)).rejects.toMatchObject({
      type: 'HubProtocolViolation',
      message: expect.stringMatching(message),
    });
  });
});

describe("a redirect of the Hub's own answers", () => {
  const revision = { kind: 'model', repository: 'org/model', revision: 'main' } as const;

  test.each([
    ['within the origin keeps the token', (url: string) => url, 'Bearer hf_secret'],
    ['to another name drops the token', byName, undefined],
  ])('%s', async (_, rename, expected) => {
    const seen: (string | undefined)[] = [];
    const hub = await faultHub({
      files: { [name]: large },
      answerApi({ url, headers }, response) {
        seen.push(headers.authorization);
        if (url?.includes('renamed')) return false;
        response.writeHead(307, { Location: rename(hub.url) + url?.replace('org/model', 'org/renamed') }).end();
        return true;
      },
    });
    const client = quickClient({ endpoint: hub.url, token });
    expect(await client.resolveRevision(revision)).toEqual({ commit: COMMIT });
    expect(seen).toEqual([`Bearer ${token}`, expected]);
  });

  test('brings a whole download to its end without a token that leaves the Hub', async () => {
    const elsewhere = await serving(large);
    const hub = await serving(
      large,
      redirectTo(({ request }) => elsewhere.url + request.url),
    );
    const [file] = await downloadAll(hub.url, await temporaryDirectory(), { token });
    expect(file?.bytes).toBe(large.length);
    expect([tokensSeen(hub), tokensSeen(elsewhere)]).toEqual([[`Bearer ${token}`], [undefined]]);
  });
});
