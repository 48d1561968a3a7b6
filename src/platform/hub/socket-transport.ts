import { isIP, connect as netConnect, type Socket, type TcpNetConnectOpts } from 'node:net';
import { connect as tlsConnect } from 'node:tls';
import { parseResponseHead } from './response-head.js';
import { TransientFault } from './retry.js';
import {
  contentLength,
  type ResponseHead,
  type TransferRequest,
  type TransferSink,
  type Transport,
} from './transport.js';

/** Also what is written at once: in larger pieces, the page cache of ext4 took twice the kernel time. */
const BUFFER_BYTES = 64 * 1024;
/** No server sends more; without a bound, one could fill the memory. */
const MAXIMUM_HEAD_BYTES = 64 * 1024;
const HEAD_END = '\r\n\r\n';

/** The body does not say where it ends (chunked, or until the connection closes): a full HTTP parser has to read it. */
export class UnframedBody extends Error {
  override readonly name = 'UnframedBody';
}

/**
 * One GET over a connection of its own, read into one reused buffer. Every stream API of Node allocates a buffer for each
 * read, which costs more than hashing what is in it: this is twice as fast as undici's dispatch (bench/hub-download.ts).
 * TLS hands over one record (16 KiB) at a time, decrypted into the same buffer.
 * @throws UnframedBody before anything reached the sink
 */
export const socketTransport: Transport = (request, sink) =>
  new Promise((resolve, reject) => {
    let settled = false;
    let head: ResponseHead | undefined;
    let pending: Buffer = Buffer.alloc(0);
    let headSince: number | undefined;
    let remaining = 0;

    const settle = (error?: unknown): void => {
      if (settled) return;
      settled = true;
      socket.destroy();
      if (error === undefined) resolve();
      else reject(error);
    };

    const takeBody = (chunk: Buffer): void => {
      const body = chunk.subarray(0, Math.min(remaining, chunk.length));
      remaining -= body.length;
      if (body.length > 0) sink.body(body);
      if (remaining === 0) settle();
    };

    const takeHead = (chunk: Buffer): void => {
      headSince ??= performance.now();
      if (performance.now() - headSince > request.idleTimeoutMs) {
        throw new TransientFault(`${request.url.host} did not end its headers within ${request.idleTimeoutMs} ms`);
      }
      pending = Buffer.concat([pending, chunk]);
      const end = pending.indexOf(HEAD_END);
      if (end > MAXIMUM_HEAD_BYTES || (end < 0 && pending.length > MAXIMUM_HEAD_BYTES)) {
        throw new TransientFault('the response has no end of its headers');
      }
      if (end < 0) return;
      const parsed = parseResponseHead(pending.toString('latin1', 0, end));
      const rest = pending.subarray(end + HEAD_END.length);
      pending = Buffer.alloc(0);
      // 100 Continue and 103 Early Hints come before the response itself.
      if (parsed.status >= 200) begin(parsed, sink);
      if (!settled) take(rest);
    };

    const begin = (parsed: ResponseHead, { head: accept }: TransferSink): void => {
      const length = contentLength(parsed);
      if (length === undefined || parsed.headers.has('transfer-encoding')) throw new UnframedBody();
      head = parsed;
      remaining = length;
      if (!accept(parsed)) settle();
    };

    const take = (chunk: Buffer): void => (head === undefined ? takeHead(chunk) : takeBody(chunk));

    const buffer = Buffer.allocUnsafe(BUFFER_BYTES);
    const onread = {
      buffer,
      callback: (bytes: number): boolean => {
        try {
          if (!settled) take(buffer.subarray(0, bytes));
        } catch (error) {
          settle(error);
        }
        return !settled;
      },
    };
    const socket = openSocket(request, onread);
    socket.setTimeout(request.idleTimeoutMs, () =>
      settle(new TransientFault(`${request.url.host} was silent for ${request.idleTimeoutMs} ms`)),
    );
    socket.on('error', (cause) => settle(new TransientFault(`${request.url.host}: ${cause.message}`, { cause })));
    socket.on('close', () => settle(new TransientFault(`${request.url.host} closed the connection early`)));
    socket.write(renderRequest(request));
  });

function openSocket({ url }: TransferRequest, onread: TcpNetConnectOpts['onread']): Socket {
  const host = url.hostname.replace(/^\[|\]$/g, '');
  const isTls = url.protocol === 'https:';
  const port = url.port === '' ? (isTls ? 443 : 80) : Number(url.port);
  if (!isTls) return netConnect({ host, port, onread });
  // ALPN keeps a server that speaks HTTP/2 to HTTP/1.1; an address is no server name (RFC 6066). `onread` works here as in
  // net.connect, though the types know it only there.
  const options = {
    host,
    port,
    onread,
    ALPNProtocols: ['http/1.1'],
    ...(isIP(host) === 0 ? { servername: host } : {}),
  };
  return tlsConnect(options);
}

function renderRequest({ url, headers }: TransferRequest): string {
  const lines = Object.entries({ Host: url.host, ...headers, Connection: 'close' }).map(
    ([name, value]) => `${name}: ${value}`,
  );
  return [`GET ${url.pathname}${url.search} HTTP/1.1`, ...lines, '', ''].join('\r\n');
}
