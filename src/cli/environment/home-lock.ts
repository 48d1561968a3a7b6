import { createHash } from 'node:crypto';
import { realpathSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { createServer } from 'node:net';

/**
 * Takes the lock of a home on this host, or returns false: another process has it. It is an abstract socket, which the kernel
 * frees with its process, however that ends; a file would have to be judged stale.
 */
export async function lockHome(home: string): Promise<boolean> {
  await mkdir(home, { recursive: true });
  const name = createHash('sha256').update(realpathSync(home)).digest('hex');
  const server = createServer((socket) => socket.destroy());
  // The lock keeps nobody running: it lives as long as the process has something to do.
  server.unref();
  return new Promise((resolve, reject) => {
    server.once('error', (error) => {
      if ('code' in error && error.code === 'EADDRINUSE') resolve(false);
      else reject(error);
    });
    server.listen(`\0enginesmith-dev-${name}`, () => resolve(true));
  });
}
