import { once } from 'node:events';
import { createServer, type Socket } from 'node:net';
import { onTestFinished } from 'vitest';

/** A server that answers each connection's request as it likes, byte for byte; connections are counted from 0. */
export async function rawServer(answer: (socket: Socket, connection: number, request: string) => void) {
  let connections = 0;
  const requests: string[] = [];
  const server = createServer((socket) => {
    const connection = connections++;
    socket.on('error', () => undefined);
    socket.once('data', (request) => {
      requests.push(request.toString('latin1'));
      answer(socket, connection, request.toString('latin1'));
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => void server.close());
  const address = server.address();
  return { url: `http://127.0.0.1:${typeof address === 'object' ? address?.port : 0}`, requests };
}
