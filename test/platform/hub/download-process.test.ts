import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { once } from 'node:events';
import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { describe, expect, onTestFinished, test } from 'vitest';
import { faultHub, LARGE, temporaryDirectory } from './download-kit.js';
import { type Exchange, sendAndStall, sendContent, sha256 } from './fault-hub.js';

const program = fileURLToPath(new URL('./download.program.ts', import.meta.url));
const certificate = new URL('../../fixtures/tls/localhost.cert.pem', import.meta.url);
const key = new URL('../../fixtures/tls/localhost.key.pem', import.meta.url);
const FIRST_PART = 1_700_001;

const trusting = { NODE_EXTRA_CA_CERTS: fileURLToPath(certificate) };

function startDownload(endpoint: string, directory: string, environment: NodeJS.ProcessEnv = {}, limit = 'unlimited') {
  const command = [process.execPath, '--import', import.meta.resolve('tsx'), program, endpoint, directory, 'hf_secret'];
  const child = spawn('bash', ['-c', `ulimit -f ${limit}; exec "$@"`, 'bash', ...command], {
    env: { ...process.env, ...environment },
  });
  onTestFinished(() => void child.kill('SIGKILL'));
  return child;
}

async function finish(child: ChildProcessWithoutNullStreams) {
  const [output, problems] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'close')]);
  return { output, problems, exitCode: child.exitCode };
}

async function partialBytes(stateDirectory: string): Promise<number> {
  const names = (await readdir(stateDirectory).catch(() => [])).filter((name) => name.endsWith('.part'));
  const sizes = await Promise.all(names.map(async (name) => (await stat(join(stateDirectory, name))).size));
  return Math.max(0, ...sizes);
}

describe('a process that downloads', () => {
  test('goes on after SIGKILL in the middle of a file from the very byte, and fetches no byte twice', async () => {
    const served: number[] = [];
    const answerFile = (exchange: Exchange): void => {
      const { socket } = exchange.request;
      if (exchange.attempt === 0) sendAndStall(exchange, FIRST_PART);
      else sendContent(exchange);
      exchange.response.on('finish', () => served.push(socket.bytesWritten));
    };
    const hub = await faultHub({ files: { 'model.safetensors': LARGE }, answerFile });
    const directory = join(await temporaryDirectory(), 'model');

    const first = startDownload(hub.url, directory);
    await expect.poll(() => partialBytes(`${directory}.download`), { timeout: 20_000 }).toBe(FIRST_PART);
    first.kill('SIGKILL');
    await once(first, 'close');
    expect(await readdir(directory)).toEqual([]);

    const { output, problems, exitCode } = await finish(startDownload(hub.url, directory));
    expect({ problems, exitCode }).toEqual({ problems: '', exitCode: 0 });
    expect(JSON.parse(output)).toEqual([{ path: 'model.safetensors', bytes: LARGE.length, sha256: sha256(LARGE) }]);
    expect(sha256(await readFile(join(directory, 'model.safetensors')))).toBe(sha256(LARGE));
    expect(hub.fileRequests.map(({ headers }) => headers.range)).toEqual([undefined, `bytes=${FIRST_PART}-`]);
    expect(hub.fileRequests[1]?.headers['if-range']).toBe(`"${sha256(LARGE)}"`);
    const [bytesWithHead = 0] = served;
    expect(bytesWithHead - (LARGE.length - FIRST_PART)).toBeGreaterThan(0);
    expect(bytesWithHead - (LARGE.length - FIRST_PART)).toBeLessThan(1000);
  });

  test('reads https with the authorities that NODE_EXTRA_CA_CERTS adds, and resumes there too', async () => {
    const tls = { cert: await readFile(certificate), key: await readFile(key) };
    const answerFile = (exchange: Exchange): void => {
      const { response, content, etag, attempt } = exchange;
      if (attempt > 0) {
        sendContent(exchange);
        return;
      }
      response.writeHead(200, { ETag: etag, 'Content-Length': content.length });
      response.write(content.subarray(0, FIRST_PART), () => response.destroy());
    };
    const hub = await faultHub({ files: { 'model.safetensors': LARGE }, answerFile, tls });
    const directory = join(await temporaryDirectory(), 'model');
    const { output, exitCode } = await finish(startDownload(hub.url, directory, trusting));
    expect(exitCode).toBe(0);
    expect(JSON.parse(output)).toEqual([{ path: 'model.safetensors', bytes: LARGE.length, sha256: sha256(LARGE) }]);
    expect(hub.fileRequests[1]?.headers.range).toMatch(/^bytes=[1-9]\d*-$/);
  });

  test('ends well however often it is killed, at whatever byte, and fetches what it has no second time', async () => {
    const pace = async ({ request, response, content, etag }: Exchange): Promise<void> => {
      const start = Number(/\d+/.exec(request.headers.range ?? '')?.[0] ?? 0);
      const range = `bytes ${start}-${content.length - 1}/${content.length}`;
      response.writeHead(start === 0 ? 200 : 206, {
        ETag: etag,
        'Content-Length': content.length - start,
        ...(start === 0 ? {} : { 'Content-Range': range }),
      });
      for (let sent = start; sent < content.length && !response.destroyed; sent += 20_011) {
        response.write(content.subarray(sent, sent + 20_011));
        await delay(2);
      }
      response.end();
    };
    const hub = await faultHub({
      files: { 'model.safetensors': LARGE },
      answerFile: (exchange) => void pace(exchange),
    });
    const directory = join(await temporaryDirectory(), 'model');
    const left = [0];
    for (let kills = 0; kills < 2; kills++) {
      const enough = (left.at(-1) ?? 0) + randomInt(1, 1_000_000);
      const child = startDownload(hub.url, directory);
      await expect
        .poll(() => partialBytes(`${directory}.download`), { timeout: 20_000, interval: 3 })
        .toBeGreaterThanOrEqual(enough);
      child.kill('SIGKILL');
      await once(child, 'close');
      left.push(await partialBytes(`${directory}.download`));
    }
    const { output, exitCode } = await finish(startDownload(hub.url, directory));
    expect(exitCode).toBe(0);
    expect(JSON.parse(output)).toEqual([{ path: 'model.safetensors', bytes: LARGE.length, sha256: sha256(LARGE) }]);
    const ranges = left.map((offset) => (offset === 0 ? undefined : `bytes=${offset}-`));
    expect(hub.fileRequests.map(({ headers }) => headers.range)).toEqual(ranges);
  });

  test('gives its token to the Hub alone, on a way over other hosts, ports and from https to http and back', async () => {
    const tls = { cert: await readFile(certificate), key: await readFile(key) };
    const files = { 'model.safetensors': LARGE };
    const redirectTo = (url: () => string) => (exchange: Exchange) => {
      exchange.response.writeHead(302, { Location: url() + exchange.request.url, 'Content-Length': 0 }).end();
    };
    const last = await faultHub({ files, tls });
    const plain = await faultHub({ files, answerFile: redirectTo(() => last.url) });
    const hub = await faultHub({ files, tls, answerFile: redirectTo(() => plain.url) });
    const directory = join(await temporaryDirectory(), 'model');
    const { output, problems } = await finish(startDownload(hub.url, directory, trusting));
    expect(problems).toBe('');
    expect(JSON.parse(output)).toEqual([{ path: 'model.safetensors', bytes: LARGE.length, sha256: sha256(LARGE) }]);
    const authorizations = [hub, plain, last].map(({ fileRequests }) =>
      fileRequests.map(({ headers }) => headers.authorization),
    );
    expect(authorizations).toEqual([['Bearer hf_secret'], [undefined], [undefined]]);
  });

  test('that may write no more says so, and goes on from there when it may again', async () => {
    const hub = await faultHub({ files: { 'model.safetensors': LARGE } });
    const directory = join(await temporaryDirectory(), 'model');
    const limitKibibytes = 2048;
    const full = await finish(startDownload(hub.url, directory, {}, `${limitKibibytes}`));
    expect(full.exitCode).not.toBe(0);
    expect(full.problems).toContain('The disk took no more while model.safetensors was downloaded');
    expect((await finish(startDownload(hub.url, directory))).exitCode).toBe(0);
    expect(hub.fileRequests.at(-1)?.headers.range).toBe(`bytes=${limitKibibytes * 1024}-`);
    expect(sha256(await readFile(join(directory, 'model.safetensors')))).toBe(sha256(LARGE));
  });
});
