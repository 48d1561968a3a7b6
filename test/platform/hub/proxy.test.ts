import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { createServer, request as httpRequest } from 'node:http';
import { connect } from 'node:net';
import { join } from 'node:path';
import { pipeline } from 'node:stream';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { describe, expect, onTestFinished, test } from 'vitest';
import { mayUseProxy, readProxySettings } from '../../../src/platform/hub/proxy.js';
import { faultHub, LARGE, quickClient, temporaryDirectory } from './download-kit.js';
import { COMMIT, type Exchange, sha256 } from './fault-hub.js';
import { transfer } from './transfer-kit.js';

const program = fileURLToPath(new URL('./download.program.ts', import.meta.url));
const certificate = new URL('./tls/hub.test.cert.pem', import.meta.url);
const key = new URL('./tls/hub.test.key.pem', import.meta.url);
const files = { 'config.json': Buffer.from('{}'), 'model.safetensors': LARGE };
const configuration = { kind: 'model', repository: 'org/model' } as const;

/** A proxy that reaches any host at one local port: names that it is asked for need no DNS, and are what a test sees. */
async function startProxy(portOfEveryHost: number, status = 200) {
  const asked: string[] = [];
  const proxy = createServer((request, response) => {
    asked.push(`${request.method} ${request.url}`);
    const { pathname, search } = new URL(request.url ?? '');
    const { method, headers } = request;
    httpRequest({ port: portOfEveryHost, path: pathname + search, method, headers }, (answer) => {
      response.writeHead(answer.statusCode ?? 502, answer.headers);
      // What is cut on one side is cut on the other.
      pipeline(answer, response, () => undefined);
    }).end();
  });
  proxy.on('connect', (request, socket) => {
    asked.push(`CONNECT ${request.url}`);
    socket.on('error', () => undefined);
    if (status !== 200) return socket.end(`HTTP/1.1 ${status} Refused\r\n\r\n`);
    const upstream = connect(portOfEveryHost, '127.0.0.1', () => {
      socket.write('HTTP/1.1 200 Connection established\r\n\r\n');
      upstream.pipe(socket).pipe(upstream);
    });
    upstream.on('error', () => socket.destroy());
  });
  proxy.listen(0, '127.0.0.1');
  await once(proxy, 'listening');
  onTestFinished(() => {
    proxy.close();
    proxy.closeAllConnections();
  });
  const address = proxy.address();
  return { url: `http://127.0.0.1:${typeof address === 'object' ? address?.port : 0}`, asked };
}

const portOf = (url: string): number => Number(new URL(url).port);

async function finish(child: ChildProcess & { stdout: NodeJS.ReadableStream; stderr: NodeJS.ReadableStream }) {
  const [output, problems] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'close')]);
  return { output, problems };
}

describe('a proxy', () => {
  test('carries every https request of a download through tunnels, and sees neither token nor bytes', async () => {
    const tls = { cert: await readFile(certificate), key: await readFile(key) };
    const hub = await faultHub({ files, tls });
    const proxy = await startProxy(portOf(hub.url));
    const directory = join(await temporaryDirectory(), 'model');
    const command = ['--import', import.meta.resolve('tsx'), program, 'https://hub.test', directory, 'hf_secret'];
    const child = spawn(process.execPath, command, {
      env: { PATH: process.env.PATH, NODE_EXTRA_CA_CERTS: fileURLToPath(certificate), HTTPS_PROXY: proxy.url },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    onTestFinished(() => void child.kill('SIGKILL'));
    const { output, problems } = await finish(child);
    expect(problems).toBe('');
    expect(JSON.parse(output)).toEqual(
      Object.entries(files).map(([path, { length }]) => ({
        path,
        bytes: length,
        sha256: sha256(files[path === 'config.json' ? path : 'model.safetensors']),
      })),
    );
    expect(new Set(proxy.asked)).toEqual(new Set(['CONNECT hub.test:443']));
    expect(hub.fileRequests.map(({ headers }) => headers.authorization)).toEqual([
      'Bearer hf_secret',
      'Bearer hf_secret',
    ]);
  });

  test('is asked for http without a tunnel, and what is cut on its way is gone on from', async () => {
    const answerFile = (exchange: Exchange): void => {
      const { response, content, etag, attempt } = exchange;
      const isWhole = attempt > 0;
      const range = { 'Content-Range': `bytes 1000000-${content.length - 1}/${content.length}` };
      const body = isWhole ? content.subarray(1_000_000) : content;
      response.writeHead(isWhole ? 206 : 200, { ETag: etag, 'Content-Length': body.length, ...(isWhole ? range : {}) });
      if (isWhole) response.end(body);
      else response.write(body.subarray(0, 1_000_000), () => response.destroy());
    };
    const hub = await faultHub({ files, answerFile });
    const proxy = await startProxy(portOf(hub.url));
    const settings = { http: proxy.url };
    const client = quickClient({ endpoint: 'http://hub.test', proxy: settings });
    expect(await client.resolveRevision({ ...configuration, revision: 'main' })).toEqual({ commit: COMMIT });
    expect(await transfer('http://hub.test', LARGE, { proxy: settings })).toMatchObject({ arrived: true });
    expect(proxy.asked).toEqual([
      expect.stringMatching(/^GET http:\/\/hub\.test\/api\/models\/org\/model\/revision\/main/),
      ...Array.from({ length: 2 }, () => `GET http://hub.test/org/model/resolve/${COMMIT}/model.safetensors`),
    ]);
  });

  test('is not asked for this host itself, nor for what NO_PROXY names', async () => {
    const hub = await faultHub({ files });
    const proxy = await startProxy(portOf(hub.url));
    for (const bypass of [undefined, '*', 'example.com,.internal']) {
      const settings = { http: proxy.url, https: proxy.url, bypass };
      expect(await transfer(hub.url, LARGE, { proxy: settings })).toMatchObject({ arrived: true });
    }
    const unreachable = quickClient({ endpoint: 'http://hub.test', proxy: { http: proxy.url, bypass: '.test' } });
    const asked = unreachable.resolveRevision({ ...configuration, revision: 'main' });
    await expect(asked).rejects.toMatchObject({ type: 'HubUnavailable' });
    expect(proxy.asked).toEqual([]);
  });

  test('that refuses is named as the reason', async () => {
    const proxy = await startProxy(0, 407);
    const client = quickClient({ endpoint: 'https://hub.test', proxy: { https: proxy.url } });
    await expect(client.resolveRevision({ ...configuration, revision: 'main' })).rejects.toMatchObject({
      type: 'HubUnavailable',
      message: expect.stringMatching(/hub\.test: Proxy response \(407\)/),
    });
  });
});

describe('readProxySettings', () => {
  test('takes lower case before upper case, and nothing from an environment without a proxy', () => {
    expect(readProxySettings({ HTTPS_PROXY: 'http://a', https_proxy: 'http://b', NO_PROXY: 'c' })).toEqual({
      http: undefined,
      https: 'http://b',
      bypass: 'c',
    });
    expect(readProxySettings({ HTTPS_PROXY: '', NO_PROXY: 'c' })).toBeUndefined();
  });

  test.each([
    ['http://h', { https: 'http://p' }, false],
    ['https://h', { https: 'http://p' }, true],
    ['https://h', { http: 'http://p' }, true],
    ['https://h', undefined, false],
  ])('for %s with %j', (url, settings, expected) => {
    expect(mayUseProxy(new URL(url), settings)).toBe(expected);
  });
});
