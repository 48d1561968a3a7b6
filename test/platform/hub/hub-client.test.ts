import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { faultHub, model, quickClient, temporaryDirectory } from './download-kit.js';
import { COMMIT, type Exchange, sendContent, treeEntry } from './fault-hub.js';

const files = { 'config.json': Buffer.from('{}') };
const revision = { kind: 'model', repository: 'org/model', revision: 'main' } as const;

/** A hub whose API gives one status, and the client of it. */
async function answering(status: number, headers: Record<string, string> = {}, body = '{}', token?: string) {
  const requests: (string | undefined)[] = [];
  const hub = await faultHub({
    files,
    answerApi(request, response) {
      requests.push(request.headers.authorization);
      response.writeHead(status, { 'Content-Type': 'application/json', ...headers }).end(body);
      return true;
    },
  });
  return { hub, requests, client: quickClient({ endpoint: hub.url, token }) };
}

describe('resolveRevision', () => {
  test('gives the commit, and sends the token to the Hub', async () => {
    const { client, requests } = await answering(200, {}, JSON.stringify({ sha: COMMIT }), 'hf_secret\n');
    expect(await client.resolveRevision(revision)).toEqual({ commit: COMMIT });
    expect(requests).toEqual(['Bearer hf_secret']);
  });

  test('sends the token that is in the file now, before the one that it was started with', async () => {
    const tokenPath = join(await temporaryDirectory(), 'token');
    const { hub, requests } = await answering(200, {}, JSON.stringify({ sha: COMMIT }));
    const client = quickClient({ endpoint: hub.url, token: 'hf_started', tokenPath });
    await client.resolveRevision(revision);
    await writeFile(tokenPath, 'hf_first\n');
    await client.resolveRevision(revision);
    await writeFile(tokenPath, 'hf_second');
    await client.resolveRevision(revision);
    expect(requests).toEqual(['Bearer hf_started', 'Bearer hf_first', 'Bearer hf_second']);
    await writeFile(tokenPath, 'two words');
    await expect(client.resolveRevision(revision)).rejects.toMatchObject({ type: 'PrerequisiteMissing' });
  });

  test.each([401, 403])('names the licence page and HF_TOKEN on %i', async (status) => {
    const { hub, client } = await answering(status, { 'X-Error-Code': 'GatedRepo' });
    await expect(client.resolveRevision(revision)).rejects.toMatchObject({
      type: 'ModelAccessDenied',
      message: expect.stringMatching(new RegExp(`accept its licence at ${hub.url}/org/model .*HF_TOKEN`)),
    });
  });

  test.each([
    [404, 'RepoNotFound', /org\/model at main: \S+ does not have it/],
    [404, 'RevisionNotFound', /does not have main of it/],
    [401, 'RepoNotFound', /does not have it/],
  ])('says what does not exist on %i %s', async (status, errorCode, message) => {
    const { client } = await answering(status, { 'X-Error-Code': errorCode });
    await expect(client.resolveRevision(revision)).rejects.toMatchObject({
      type: 'ModelNotFound',
      message: expect.stringMatching(message),
    });
  });

  test('is unavailable, retryably, after as many 503 as the policy allows', async () => {
    const { client, requests } = await answering(503);
    await expect(client.resolveRevision(revision)).rejects.toMatchObject({ type: 'HubUnavailable', retryable: true });
    expect(requests.length).toBe(3);
  });

  test('is unavailable when nobody listens', async () => {
    const client = quickClient({ endpoint: 'http://127.0.0.1:9' });
    await expect(client.resolveRevision(revision)).rejects.toMatchObject({ type: 'HubUnavailable' });
  });

  test.each(['{"sha":"main"}', '{}', '<html>'])('refuses the answer %s', async (body) => {
    const { client } = await answering(200, {}, body);
    await expect(client.resolveRevision(revision)).rejects.toMatchObject({ type: 'HubProtocolViolation' });
  });

  test('refuses a repository name that is none before any request', async () => {
    const { client, requests } = await answering(200);
    await expect(client.resolveRevision({ ...revision, repository: '../x/y' })).rejects.toMatchObject({
      type: 'InvalidSpec',
    });
    expect(requests).toEqual([]);
  });

  test('rejects with the reason of its signal', async () => {
    const { client } = await answering(200);
    const reason = new Error('cancelled by the test');
    await expect(client.resolveRevision({ ...revision, signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
  });
});

describe('listFiles', () => {
  const listing = async (entries: unknown) =>
    (await answering(200, {}, JSON.stringify(entries))).client.listFiles(model);
  const entry = { ...treeEntry('a.safetensors', Buffer.from('x')) };

  test('follows the pages and leaves out directories', async () => {
    const hub = await faultHub({
      files,
      answerApi(request, response) {
        const isFirst = !request.url?.includes('cursor');
        const next = `http://${request.headers.host}${request.url}&cursor=1`;
        if (isFirst) response.setHeader('Link', `<${next}>; rel="next"`);
        const page = isFirst
          ? [{ type: 'directory', path: 'd', size: 0, oid: '0'.repeat(40) }, treeEntry('d/a.json', Buffer.from('1'))]
          : [treeEntry('b.safetensors', Buffer.from('22'))];
        response.end(JSON.stringify(page));
        return true;
      },
    });
    const listed = await quickClient({ endpoint: hub.url }).listFiles(model);
    expect(listed.map(({ path, bytes, digest }) => [path, bytes, digest.algorithm])).toEqual([
      ['d/a.json', 1, 'git-sha1'],
      ['b.safetensors', 2, 'sha256'],
    ]);
  });

  test('does not follow a page to another origin', async () => {
    const elsewhere = await answering(200, {}, '[]');
    const { client } = await answering(200, { Link: `<${elsewhere.hub.url}/next>; rel="next"` }, '[]', 'hf_secret');
    await expect(client.listFiles(model)).rejects.toMatchObject({ type: 'HubProtocolViolation' });
    expect(elsewhere.requests).toEqual([]);
  });

  test.each(['../evil', '/etc/passwd', 'a/../../b', 'a\\b', 'a\u0000b', 'a//b', './a', '', 'x'.repeat(300)])(
    'refuses the path %j',
    async (path) => {
      await expect(listing([{ ...entry, path }])).rejects.toMatchObject({ type: 'HubProtocolViolation' });
    },
  );

  test.each(['../../../evil', 'ABCDEF'.padEnd(64, '0'), '0'.repeat(63), `${'0'.repeat(64)}\n`])(
    'refuses the id %j',
    async (oid) => {
      const evil = { ...entry, lfs: { oid, size: 1, pointerSize: 130 } };
      await expect(listing([evil])).rejects.toMatchObject({ type: 'HubProtocolViolation' });
    },
  );

  test('refuses a listing that names a file twice', async () => {
    await expect(listing([entry, entry])).rejects.toMatchObject({ type: 'HubProtocolViolation' });
  });
});

describe('download', () => {
  test('refuses an unsafe path that did not come through listFiles', async () => {
    const { client } = await answering(200);
    const evil = { path: '../evil', bytes: 1, digest: { algorithm: 'sha256', hex: '0'.repeat(64) } } as const;
    const directory = await temporaryDirectory();
    await expect(client.download({ ...model, files: [evil], directory })).rejects.toMatchObject({
      type: 'HubProtocolViolation',
    });
  });
});

describe('a download that the disk cannot hold', () => {
  test('is refused before its first byte, for good, with numbers and the place', async () => {
    const huge = { ...treeEntry('model.safetensors', Buffer.from('x')), lfs: { oid: '0'.repeat(64), size: 2 ** 52 } };
    const { hub, client } = await answering(200, {}, JSON.stringify([huge]));
    const directory = await temporaryDirectory();
    const download = client.download({ ...model, files: await client.listFiles(model), directory });
    await expect(download).rejects.toMatchObject({
      type: 'InsufficientDisk',
      retryable: false,
      message: expect.stringMatching(
        new RegExp(`^${directory}: the download needs 4503599627370496 more bytes, .* has \\d+\\. Free space`),
      ),
      context: { directory, neededBytes: 2 ** 52, freeBytes: expect.any(Number) },
    });
    expect(hub.fileRequests).toHaveLength(0);
  });
});

describe('readFile', () => {
  const content = Buffer.from('{"architectures":["LlamaForCausalLM"]}');
  const read = async (options: Parameters<typeof faultHub>[0]) => {
    const hub = await faultHub(options);
    const client = quickClient({ endpoint: hub.url });
    const [file] = await client.listFiles(model);
    if (file === undefined) throw new Error('no file is listed');
    return { hub, reading: client.readFile({ ...model, file }) };
  };

  test('gives a small file, verified', async () => {
    const { reading } = await read({ files: { 'config.json': content } });
    expect(await reading).toEqual(content);
  });

  test('fetches an altered file once more, and then refuses it', async () => {
    const altered = Buffer.from(content.toString().replace('Llama', 'Trojan'.slice(0, 5)));
    const answerFile = (exchange: Exchange) => sendContent({ ...exchange, content: altered });
    const { hub, reading } = await read({ files: { 'config.json': content }, answerFile });
    await expect(reading).rejects.toMatchObject({ type: 'IntegrityMismatch', retryable: false });
    expect(hub.fileRequests).toHaveLength(2);
  });

  test('survives a server that alters it once, or is busy once', async () => {
    const answerFile = (exchange: Exchange) => {
      if (exchange.attempt === 0) exchange.response.writeHead(503, { 'Content-Length': 0 }).end();
      else sendContent(exchange.attempt === 1 ? { ...exchange, content: Buffer.alloc(content.length) } : exchange);
    };
    const { reading } = await read({ files: { 'config.json': content }, answerFile });
    expect(await reading).toEqual(content);
  });

  test('takes no file that is not small into memory', async () => {
    const { hub, reading } = await read({ files: { 'config.json': Buffer.alloc(5 * 1024 * 1024) } });
    await expect(reading).rejects.toMatchObject({ type: 'UnsupportedModel', retryable: false });
    expect(hub.fileRequests).toHaveLength(0);
  });
});

describe('createHubClient', () => {
  test.each([{ endpoint: 'hub' }, { endpoint: 'ftp://x' }, { endpoint: 'http://x', token: 'a\r\nX-Evil: 1' }])(
    'refuses %j',
    (options) => {
      expect(() => quickClient(options)).toThrow(expect.objectContaining({ type: 'PrerequisiteMissing' }));
    },
  );
});
