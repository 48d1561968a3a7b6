import { createHash } from 'node:crypto';
import { createServer, type IncomingMessage, type RequestListener, type ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';

/** What a request for a file is answered with in place of the content. `attempt` counts the requests for that path from 0. */
export type FileAnswer = (exchange: Exchange) => void;

export interface Exchange {
  request: IncomingMessage;
  response: ServerResponse;
  content: Buffer;
  etag: string;
  attempt: number;
}

export interface FaultHub {
  url: string;
  commit: string;
  /** Requests for files, in order. */
  fileRequests: IncomingMessage[];
  close(): Promise<void>;
}

interface FaultHubOptions {
  files: Record<string, Buffer>;
  answerFile?: FileAnswer;
  /** In place of the API's answers. @returns whether it answered */
  answerApi?: (request: IncomingMessage, response: ServerResponse) => boolean;
  tls?: { cert: Buffer; key: Buffer };
}

export const COMMIT = 'c0ffee'.padEnd(40, '0');
export const sha256 = (content: Buffer): string => createHash('sha256').update(content).digest('hex');
const gitBlobSha1 = (content: Buffer): string =>
  createHash('sha1').update(`blob ${content.length}\0`).update(content).digest('hex');

/** The content or the range of it that was asked for, as an honest server sends it. */
export function sendContent({ request, response, content, etag }: Exchange): void {
  const start = Number(/^bytes=(\d+)-$/.exec(request.headers.range ?? '')?.[1] ?? 0);
  const ifRange = request.headers['if-range'];
  const isPart = request.headers.range !== undefined && (ifRange === undefined || ifRange === etag);
  const body = isPart ? content.subarray(start) : content;
  response.writeHead(isPart ? 206 : 200, {
    ETag: etag,
    'X-Repo-Commit': COMMIT,
    'Content-Length': body.length,
    ...(isPart ? { 'Content-Range': `bytes ${start}-${content.length - 1}/${content.length}` } : {}),
  });
  response.end(body);
}

/** Announces the content truthfully, sends `sentBytes` of it, and then nothing, with the connection open. */
export function sendAndStall({ response, content, etag }: Exchange, sentBytes: number): void {
  response.writeHead(200, { ETag: etag, 'X-Repo-Commit': COMMIT, 'Content-Length': content.length });
  response.write(content.subarray(0, sentBytes));
}

/** A Hub of one repository whose behaviour under the file requests is the test's to choose. */
export async function startFaultHub(options: FaultHubOptions): Promise<FaultHub> {
  const { files, answerFile = sendContent, answerApi, tls } = options;
  const fileRequests: IncomingMessage[] = [];
  const attempts = new Map<string, number>();

  const listener: RequestListener = (request, response) => {
    const { pathname } = new URL(request.url ?? '/', 'http://localhost');
    if (pathname.startsWith('/api/')) {
      if (answerApi?.(request, response)) return;
      const body = pathname.includes('/tree/')
        ? Object.entries(files).map(([path, content]) => treeEntry(path, content))
        : { id: 'org/model', sha: COMMIT };
      response.setHeader('Content-Type', 'application/json').end(JSON.stringify(body));
      return;
    }
    const path = decodeURIComponent(pathname.split(`/resolve/${COMMIT}/`)[1] ?? '');
    const content = files[path];
    if (content === undefined) {
      response.writeHead(404, { 'X-Error-Code': 'EntryNotFound', 'Content-Length': 0 }).end();
      return;
    }
    fileRequests.push(request);
    const attempt = attempts.get(path) ?? 0;
    attempts.set(path, attempt + 1);
    const etag = `"${path.endsWith('.safetensors') ? sha256(content) : gitBlobSha1(content)}"`;
    answerFile({ request, response, content, etag, attempt });
  };

  const server = tls === undefined ? createServer(listener) : createTlsServer(tls, listener);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  return {
    url: tls === undefined ? `http://127.0.0.1:${port}` : `https://localhost:${port}`,
    commit: COMMIT,
    fileRequests,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

export function treeEntry(path: string, content: Buffer): object {
  const entry = { type: 'file', path, size: content.length, oid: gitBlobSha1(content) };
  if (!path.endsWith('.safetensors')) return entry;
  return { ...entry, lfs: { oid: sha256(content), size: content.length, pointerSize: 130 } };
}
