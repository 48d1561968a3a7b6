import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { EnginesmithFailure } from '../../contracts/failures.js';
import { EVIDENCE_FILE, EVIDENCE_PAGE } from '../../contracts/gate.js';
import { contentSecurityPolicy } from '../../gate/evidence-page/document.js';
import { type EvidenceShelf, openEvidenceShelf } from './evidence-shelf.js';
import { indexPage, refusalPage } from './pages.js';

const HOST = '127.0.0.1';
const LISTED_EVIDENCE = 200;
const MOST_CONNECTIONS = 64;
const REQUEST_TIMEOUT_MS = 10_000;

export interface EvidenceServerOptions {
  /** The artifact store's. */
  directory: string;
  /** @default 0: any free one */
  port?: number;
}

export interface EvidenceServer {
  /** Without a slash at its end. */
  url: string;
  close(): Promise<void>;
}

/**
 * Serves the evidence of a store on the loopback interface: `/` lists it, `/evidence/DIGEST` is the page of one and
 * `/evidence/DIGEST/evidence.json` the same for programs.
 * @throws EnginesmithFailure `PrerequisiteMissing` when the port is taken
 */
export async function startEvidenceServer({ directory, port = 0 }: EvidenceServerOptions): Promise<EvidenceServer> {
  const shelf = openEvidenceShelf(directory);
  const server = createServer(
    { requestTimeout: REQUEST_TIMEOUT_MS, headersTimeout: REQUEST_TIMEOUT_MS, maxHeaderSize: 16_384 },
    (request, response) => {
      answer(shelf, request, response).catch(() => {
        if (response.headersSent) response.destroy();
        else send(request, response, 500, 'html', refusalPage('The evidence could not be read.'));
      });
    },
  );
  server.maxConnections = MOST_CONNECTIONS;
  await new Promise<void>((resolve, reject) => {
    server.once('error', (cause) => reject(cannotListen(port, cause)));
    server.listen(port, HOST, resolve);
  });
  return { url: `http://${HOST}:${portOf(server) ?? port}`, close: () => close(server) };
}

async function answer(shelf: EvidenceShelf, request: IncomingMessage, response: ServerResponse): Promise<void> {
  // What the request brings with it is not for us.
  request.resume();
  // A page of a stranger whose name was made to mean this host must not read what was generated here.
  if (!/^(127\.0\.0\.1|localhost)(:\d+)?$/.test(request.headers.host ?? '')) {
    return send(request, response, 403, 'html', refusalPage('This server answers under 127.0.0.1 and localhost only.'));
  }
  if (request.method !== 'GET' && request.method !== 'HEAD') {
    response.setHeader('Allow', 'GET, HEAD');
    return send(request, response, 405, 'html', refusalPage('Evidence can be read, and nothing else.'));
  }
  const path = request.url?.split('?')[0];
  if (path === '/') return send(request, response, 200, 'html', indexPage(await shelf.newest(LISTED_EVIDENCE)));
  const [, digest, file] = path?.match(/^\/evidence\/([0-9a-f]{64})(\/evidence\.json)?$/) ?? [];
  const content = digest && (await shelf.read(digest, file === undefined ? EVIDENCE_PAGE : EVIDENCE_FILE));
  if (!content) return send(request, response, 404, 'html', refusalPage('There is no such evidence here.'));
  send(request, response, 200, file === undefined ? 'html' : 'json', content);
}

const contentTypes = { html: 'text/html; charset=utf-8', json: 'application/json' } as const;

function send(
  request: IncomingMessage,
  response: ServerResponse,
  status: number,
  type: keyof typeof contentTypes,
  content: string | Buffer,
): void {
  response.writeHead(status, {
    'Content-Type': contentTypes[type],
    'Content-Length': Buffer.byteLength(content),
    'Content-Security-Policy': `${contentSecurityPolicy}; base-uri 'none'; form-action 'none'; frame-ancestors 'none'`,
    'X-Content-Type-Options': 'nosniff',
    'Referrer-Policy': 'no-referrer',
    'Cross-Origin-Resource-Policy': 'same-origin',
    'Cache-Control': 'no-store',
  });
  response.end(request.method === 'HEAD' ? undefined : content);
}

function portOf(server: Server): number | undefined {
  const address = server.address();
  return typeof address === 'object' ? address?.port : undefined;
}

async function close(server: Server): Promise<void> {
  const closed = new Promise<void>((resolve) => server.close(() => resolve()));
  server.closeAllConnections();
  await closed;
}

const cannotListen = (port: number, cause: Error): EnginesmithFailure =>
  new EnginesmithFailure(
    'PrerequisiteMissing',
    `The evidence server cannot listen on ${HOST}:${port}: ${cause.message}. Choose another port.`,
    { context: { host: HOST, port }, cause },
  );
