import { once } from 'node:events';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { faultHub, LARGE, temporaryDirectory } from './download-kit.js';
import { type Exchange, sendAndStall, sendContent, sha256 } from './fault-hub.js';
import { compiledDownload, finish, partialContents } from './process-kit.js';
import { localhostTls, trusting } from './tls-kit.js';

const FIRST_PART = 1_700_001;
const files = { 'model.safetensors': LARGE };
const expected = [{ path: 'model.safetensors', bytes: LARGE.length, sha256: sha256(LARGE) }];

const startDownload = compiledDownload();

describe('a process that downloads', () => {
  test('goes on after SIGKILL in the middle of a file from the very byte, and fetches no byte twice', async () => {
    const served: number[] = [];
    const answerFile = (exchange: Exchange): void => {
      const { socket } = exchange.request;
      if (exchange.attempt === 0) sendAndStall(exchange, FIRST_PART);
      else sendContent(exchange);
      exchange.response.on('finish', () => served.push(socket.bytesWritten));
    };
    const hub = await faultHub({ files, answerFile });
    const directory = join(await temporaryDirectory(), 'model');

    const first = startDownload(hub.url, directory);
    const arrived = async (): Promise<number[]> => (await partialContents(directory)).map(({ length }) => length);
    await expect.poll(arrived, { timeout: 20_000 }).toEqual([FIRST_PART]);
    first.kill('SIGKILL');
    await once(first, 'close');
    expect(await readdir(directory)).toEqual([]);

    const { output, problems, exitCode } = await finish(startDownload(hub.url, directory));
    expect({ problems, exitCode }).toEqual({ problems: '', exitCode: 0 });
    expect(JSON.parse(output)).toEqual(expected);
    expect(sha256(await readFile(join(directory, 'model.safetensors')))).toBe(sha256(LARGE));
    expect(hub.fileRequests.map(({ headers }) => headers.range)).toEqual([undefined, `bytes=${FIRST_PART}-`]);
    expect(hub.fileRequests[1]?.headers['if-range']).toBe(`"${sha256(LARGE)}"`);
    const [bytesWithHead = 0] = served;
    expect(bytesWithHead - (LARGE.length - FIRST_PART)).toBeGreaterThan(0);
    expect(bytesWithHead - (LARGE.length - FIRST_PART)).toBeLessThan(1000);
  });

  test('reads https with the authorities that NODE_EXTRA_CA_CERTS adds, and resumes there too', async () => {
    const answerFile = (exchange: Exchange): void => {
      const { response, content, etag, attempt } = exchange;
      if (attempt > 0) {
        sendContent(exchange);
        return;
      }
      response.writeHead(200, { ETag: etag, 'Content-Length': content.length });
      response.write(content.subarray(0, FIRST_PART), () => response.destroy());
    };
    const hub = await faultHub({ files, answerFile, tls: localhostTls });
    const directory = join(await temporaryDirectory(), 'model');
    const { output, exitCode } = await finish(startDownload(hub.url, directory, { environment: trusting }));
    expect(exitCode).toBe(0);
    expect(JSON.parse(output)).toEqual(expected);
    expect(hub.fileRequests[1]?.headers.range).toMatch(/^bytes=[1-9]\d*-$/);
  });

  test('gives its token to the Hub alone, on a way over other hosts, ports and from https to http and back', async () => {
    const redirectTo = (url: () => string) => (exchange: Exchange) => {
      exchange.response.writeHead(302, { Location: url() + exchange.request.url, 'Content-Length': 0 }).end();
    };
    const last = await faultHub({ files, tls: localhostTls });
    const plain = await faultHub({ files, answerFile: redirectTo(() => last.url) });
    const hub = await faultHub({ files, tls: localhostTls, answerFile: redirectTo(() => plain.url) });
    const directory = join(await temporaryDirectory(), 'model');
    const { output, problems } = await finish(startDownload(hub.url, directory, { environment: trusting }));
    expect(problems).toBe('');
    expect(JSON.parse(output)).toEqual(expected);
    const authorizations = [hub, plain, last].map(({ fileRequests }) =>
      fileRequests.map(({ headers }) => headers.authorization),
    );
    expect(authorizations).toEqual([['Bearer hf_secret'], [undefined], [undefined]]);
  });

  test('that may write no more says so, and goes on from there when it may again', async () => {
    const hub = await faultHub({ files });
    const directory = join(await temporaryDirectory(), 'model');
    const limitKibibytes = 2048;
    const full = await finish(startDownload(hub.url, directory, { fileKibibytes: limitKibibytes }));
    expect(full.exitCode).not.toBe(0);
    expect(full.problems).toContain('The disk took no more while model.safetensors was downloaded');
    expect((await finish(startDownload(hub.url, directory))).exitCode).toBe(0);
    expect(hub.fileRequests.at(-1)?.headers.range).toBe(`bytes=${limitKibibytes * 1024}-`);
    expect(sha256(await readFile(join(directory, 'model.safetensors')))).toBe(sha256(LARGE));
  });
});
