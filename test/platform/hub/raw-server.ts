import { once } from 'node:events';
import { createServer, type Socket } from 'node:net';
import { createServer as createTlsServer } from 'node:tls';
import { onTestFinished } from 'vitest';

interface RawServerOptions {
  /** PEM. @default no TLS */
  tls?: { cert: Buffer; key: Buffer };
}

/** A server that answers each connection's request as it likes, byte for byte; connections are counted from 0. */
export async function rawServer(
  answer: (socket: Socket, connection: number, request: string) => void,
  { tls }: RawServerOptions = {},
) {
  let connections = 0;
  const requests: string[] = [];
  const sockets = new Set<Socket>();
  const listener = (socket: Socket): void => {
    const connection = connections++;
    sockets.add(socket);
    socket.on('error', () => undefined);
    socket.once('data', (request) => {
      requests.push(request.toString('latin1'));
      answer(socket, connection, request.toString('latin1'));
    });
  };
  const server = tls === undefined ? createServer(listener) : createTlsServer(tls, listener);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => {
    server.close();
    for (const socket of sockets) socket.destroy();
  });
  const address = server.address();
  const port = typeof address === 'object' ? address?.port : 0;
  return { url: tls === undefined ? `http://127.0.0.1:${port}` : `https://localhost:${port}`, requests };
}
