import { once } from 'node:events';
import { createServer } from 'node:net';
import { expect, onTestFinished, test } from 'vitest';
import { listeningPorts } from '../../../src/platform/process/listening-ports.js';

test.each(['127.0.0.1', '::1', '0.0.0.0'])(
  'a port on %s belongs to the process that listens on it, and to no other',
  async (address) => {
    const server = createServer().listen(0, address);
    onTestFinished(() => void server.close());
    await once(server, 'listening');
    const bound = server.address();
    const port = typeof bound === 'object' && bound !== null ? bound.port : 0;
    expect(listeningPorts([process.pid])).toContain(port);
    expect(listeningPorts([process.ppid])).not.toContain(port);
    server.close();
    await once(server, 'close');
    expect(listeningPorts([process.pid])).not.toContain(port);
  },
);

test('a process that has ended listens nowhere', () => {
  expect(listeningPorts([2 ** 22 + 1])).toEqual(new Set());
});
