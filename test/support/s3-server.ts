import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { type AddressInfo, createServer, connect as dial, type Socket } from 'node:net';
import { join } from 'node:path';
import { execa } from 'execa';
import { onTestFinished } from 'vitest';
import { readConfiguration } from '../../src/platform/config.js';
import { findFreePorts } from '../../src/platform/free-ports.js';
import { until } from './until.js';

/** Where `npm test` puts it; see infra/bootstrap/test-s3-server.mjs. */
const python = join(readConfiguration(process.env).cache, 'test-s3-server/bin/python3');

export const bucket = 'engines';

/** A real S3 server over HTTP, with an empty bucket. */
export async function startS3Server(): Promise<{ url: string; stop: () => Promise<void> }> {
  if (!existsSync(python)) throw new Error(`${python} is missing: \`npm test\` installs the S3 server of the tests`);
  const [port] = await findFreePorts(1);
  const server = execa(python, ['-m', 'moto.server', '-H', '127.0.0.1', '-p', `${port}`], {
    reject: false,
    stdio: 'ignore',
    env: { S3_IGNORE_SUBDOMAIN_BUCKETNAME: '1' },
  });
  const url = `http://127.0.0.1:${port}`;
  await until('an S3 server', async () => {
    const created = await fetch(`${url}/${bucket}`, { method: 'PUT' }).catch(() => undefined);
    return created?.ok || undefined;
  });
  const stop = async (): Promise<void> => {
    server.kill('SIGKILL');
    await server;
  };
  return { url, stop };
}

/** What happens to connections from now on. */
export type Weather = 'fair' | 'refuse' | { cutAfterBytes: number } | { fail: number; when: RegExp };

/** A way to an S3 server that can be bad: refuses, cuts, or answers some requests with a 5xx itself. */
export async function startProxy(upstream: string) {
  let weather: Weather = 'fair';
  const requests: string[] = [];
  const sockets = new Set<Socket>();
  const { hostname, port } = new URL(upstream);
  const server = createServer((client) => {
    sockets.add(client);
    client.on('error', () => {});
    if (weather === 'refuse') return client.destroy();
    const onward = dial(Number(port), hostname);
    sockets.add(onward);
    onward.on('error', () => client.destroy());
    onward.on('close', () => client.destroy());
    client.on('close', () => onward.destroy());
    let sent = 0;
    client.on('data', (chunk) => {
      const line = /^[A-Z]+ \S+ HTTP\/1\.1/.exec(chunk.subarray(0, 2048).toString('latin1'))?.[0];
      if (line !== undefined) requests.push(line.replace(' HTTP/1.1', ''));
      if (weather === 'refuse') return client.destroy();
      if (typeof weather === 'object' && 'fail' in weather && line !== undefined && weather.when.test(line)) {
        const { fail } = weather;
        client.end(`HTTP/1.1 ${fail} Broken\r\nContent-Length: 0\r\nConnection: close\r\n\r\n`);
        return onward.destroy();
      }
      onward.write(chunk);
    });
    onward.on('data', (chunk) => {
      sent += chunk.length;
      if (typeof weather === 'object' && 'cutAfterBytes' in weather && sent > weather.cutAfterBytes) {
        client.write(chunk.subarray(0, Math.max(0, chunk.length - (sent - weather.cutAfterBytes))));
        client.destroy();
        return;
      }
      client.write(chunk);
    });
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const { port: listening } = server.address() as AddressInfo;
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return {
    url: `http://127.0.0.1:${listening}`,
    /** `METHOD /path?query` of each, in order. */
    requests,
    /** Changes what happens, also to connections that are open. */
    become(next: Weather) {
      weather = next;
      if (next === 'refuse') for (const socket of sockets) socket.destroy();
    },
  };
}
