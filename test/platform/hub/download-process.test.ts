import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { describe, expect, onTestFinished, test } from 'vitest';
import { faultHub, LARGE, temporaryDirectory } from './download-kit.js';
import { type Exchange, sendAndStall, sendContent, sha256 } from './fault-hub.js';

const program = fileURLToPath(new URL('./download.program.ts', import.meta.url));
const certificate = new URL('../../fixtures/tls/localhost.cert.pem', import.meta.url);
const key = new URL('../../fixtures/tls/localhost.key.pem', import.meta.url);
const FIRST_PART = 1_700_001;

function startDownload(endpoint: string, directory: string, environment: NodeJS.ProcessEnv = {}) {
  const child = spawn(process.execPath, ['--import', import.meta.resolve('tsx'), program, endpoint, directory], {
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
    const environment = { NODE_EXTRA_CA_CERTS: fileURLToPath(certificate) };
    const { output, exitCode } = await finish(startDownload(hub.url, directory, environment));
    expect(exitCode).toBe(0);
    expect(JSON.parse(output)).toEqual([{ path: 'model.safetensors', bytes: LARGE.length, sha256: sha256(LARGE) }]);
    expect(hub.fileRequests[1]?.headers.range).toMatch(/^bytes=[1-9]\d*-$/);
  });
});
