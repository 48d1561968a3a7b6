import { createServer, type Server } from 'node:net';

/** Loopback: what Enginesmith starts by itself is reachable from its own host only. */
const ADDRESS = '127.0.0.1';

const listen = (): Promise<Server> =>
  new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, ADDRESS, () => resolve(server));
  });

const close = (server: Server): Promise<void> => new Promise((resolve) => server.close(() => resolve()));

/**
 * Finds ports that nobody listens on. All are held at once while they are looked for, so they differ; they are free again
 * when this returns, and a stranger may be faster.
 */
export async function findFreePorts(count: number): Promise<number[]> {
  const servers = await Promise.all(Array.from({ length: count }, listen));
  const ports = servers.map((server) => {
    const address = server.address();
    return typeof address === 'object' && address !== null ? address.port : 0;
  });
  await Promise.all(servers.map(close));
  return ports;
}
