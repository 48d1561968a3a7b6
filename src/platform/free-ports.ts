import { randomInt } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { hasCode } from './durable-files.js';

/** Loopback: what Enginesmith starts by itself is reachable from its own host only. */
const ADDRESS = '127.0.0.1';

/** Below are ports that programs are known by: Temporal's, Triton's, the Hub mirror's. */
const LOWEST_PORT = 15_000;
/** A host with fewer ports outside of the kernel's range gets whichever the kernel gives. */
const FEWEST_PORTS = 1_000;
const MAXIMUM_TRIES = 200;

/**
 * The first port that the kernel gives to outgoing connections. One of those that is free now may be taken by any connection
 * of any process before a server opens it: a Triton whose metrics port was taken ran without it, and crashed later.
 */
function firstEphemeralPort(): number {
  try {
    return Number(/^\d+/.exec(readFileSync('/proc/sys/net/ipv4/ip_local_port_range', 'utf8'))?.[0] ?? 0);
  } catch {
    return 0;
  }
}

const listen = (port: number): Promise<Server> =>
  new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(port, ADDRESS, () => resolve(server));
  });

async function listenOnFreePort(end: number): Promise<Server> {
  if (end - LOWEST_PORT < FEWEST_PORTS) return listen(0);
  for (let tries = 0; tries < MAXIMUM_TRIES; tries += 1) {
    try {
      return await listen(randomInt(LOWEST_PORT, end));
    } catch (error) {
      if (!hasCode(error, 'EADDRINUSE')) throw error;
    }
  }
  return listen(0);
}

const close = (server: Server): Promise<void> => new Promise((resolve) => server.close(() => resolve()));

/**
 * Finds ports that nobody listens on. All are held at once while they are looked for, so they differ; they are free again
 * when this returns, and a stranger may be faster.
 */
export async function findFreePorts(count: number): Promise<number[]> {
  const end = firstEphemeralPort();
  const servers = await Promise.all(Array.from({ length: count }, () => listenOnFreePort(end)));
  const ports = servers.map((server) => {
    const address = server.address();
    return typeof address === 'object' && address !== null ? address.port : 0;
  });
  await Promise.all(servers.map(close));
  return ports;
}
