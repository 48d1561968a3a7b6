import { createServer, type IncomingMessage, type RequestListener, type ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import { EnginesmithFailure } from '../../contracts/failures.js';
import { createFileHasher } from '../store/hash-files.js';
import { createRequestHandler } from './answer.js';
import { openDigestCache } from './digest-cache.js';
import { createMirrorTree } from './mirror-tree.js';

export interface HubMirrorOptions {
  /** Holds `{models,datasets}/<organization>/<name>/<revision>/<files>`; beside the revisions, `hub.json` may say `{"gated":true}`. */
  directory: string;
  /** @default 127.0.0.1 */
  host?: string;
  /** @default 0: any free one */
  port?: number;
  /** Which bearer tokens open gated repositories. @default none */
  tokens?: readonly string[];
  /** PEM of a certificate and its key, to serve https. @default http */
  tls?: { cert: string | Buffer; key: string | Buffer };
}

export interface HubMirror {
  /** What HF_ENDPOINT is set to. */
  url: string;
  close(): Promise<void>;
}

/**
 * Serves a directory as a Hugging Face Hub, to this service and to the official clients. Every file is hashed before the
 * first request is taken; later changes on disk are seen at once.
 * @throws EnginesmithFailure `PrerequisiteMissing` when the address is taken or the directory holds links
 */
export async function startHubMirror(options: HubMirrorOptions): Promise<HubMirror> {
  const { directory, host = '127.0.0.1', port = 0, tokens = [], tls } = options;
  const hasher = createFileHasher();
  const tree = createMirrorTree(directory, await openDigestCache(directory, hasher));
  const scheme = tls === undefined ? 'http' : 'https';
  const handle = createRequestHandler(tree, { tokens, scheme });
  const listener: RequestListener = (request, response) => {
    handle(request, response).catch((error) => answerFailure(request, response, error));
  };
  const server = tls === undefined ? createServer(listener) : createTlsServer(tls, listener);
  try {
    await tree.warm();
    await new Promise<void>((resolve, reject) => {
      server.once('error', (cause) => reject(cannotListen(host, port, cause)));
      server.listen(port, host, resolve);
    });
  } catch (error) {
    await hasher.close();
    throw error;
  }
  const address = server.address();
  const listeningPort = typeof address === 'object' && address !== null ? address.port : port;
  return {
    url: `${scheme}://${host.includes(':') ? `[${host}]` : host}:${listeningPort}`,
    async close() {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      server.closeAllConnections();
      await closed;
      await hasher.close();
    },
  };
}

/** A client that left is nobody's failure; all else is told to the client in its own protocol. */
function answerFailure(request: IncomingMessage, response: ServerResponse, error: unknown): void {
  if (request.destroyed || response.headersSent) {
    response.destroy();
    return;
  }
  const message = error instanceof EnginesmithFailure ? error.message : 'the mirror failed to read its directory';
  const status = error instanceof EnginesmithFailure && error.type === 'HubProtocolViolation' ? 400 : 500;
  response.writeHead(status, { 'Content-Type': 'application/json' }).end(JSON.stringify({ error: message }));
}

const cannotListen = (host: string, port: number, cause: Error): EnginesmithFailure =>
  new EnginesmithFailure(
    'PrerequisiteMissing',
    `The mirror cannot listen on ${host}:${port}: ${cause.message}. Choose another port.`,
    {
      context: { host, port },
      cause,
    },
  );
