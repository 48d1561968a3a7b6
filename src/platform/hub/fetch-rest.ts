import { EnginesmithFailure } from '../../contracts/failures.js';
import { bodyStart, contradiction, StartOver } from './body-start.js';
import { type HubFile, isContentName } from './hub-file.js';
import { createPaceWatch } from './pace-watch.js';
import { mayUseProxy, type ProxySettings } from './proxy.js';
import { describeSubject, refusal, type Subject } from './refusal.js';
import { isTransientStatus, parseRetryAfterMs, TransientFault } from './retry.js';
import { socketTransport, UnframedBody } from './socket-transport.js';
import type { ResponseHead, TransferRequest, TransferSink } from './transport.js';
import type { VerifiedPartial } from './verified-partial.js';

/** Where a file's bytes come from. `subject.revision` is the commit. */
export interface TransferSource {
  subject: Subject;
  url: string;
  token: string | undefined;
  /** Where a token may be put, for messages. */
  tokenPath?: string | undefined;
  idleTimeoutMs: number;
  proxy?: ProxySettings | undefined;
}

/** The file that is being fetched, and what is remembered of it between attempts. */
export interface FileInProgress {
  file: HubFile;
  partial: VerifiedPartial;
  /** Strong entity tag of the bytes that are there. */
  etag: string | undefined;
  /** Called when bytes under another entity tag begin, before the first of them. */
  onEtag(etag: string | undefined): void;
  onBytes(): void;
}

const REDIRECTS = new Set([301, 302, 303, 307, 308]);
/** The Hub needs one, to its content network; mirrors in front of mirrors some more. */
const MAXIMUM_REDIRECTS = 8;
/** Below this, a connection of its own costs more than a parser that keeps connections. */
const SMALL_FILE_BYTES = 1024 * 1024;
/** What may stand in If-Range (RFC 9110): no weak tag, and nothing that could end the header. */
const STRONG_ETAG = /^"[\x21\x23-\x7e]*"$/;

/**
 * Fetches what a partial file lacks, from the Hub or from where it redirects. Redirects are followed anew each time: the
 * signed addresses behind them expire. The token goes to the Hub's own origin and nowhere else, nor back there on the word of
 * another host.
 * @throws TransientFault, StartOver, or an EnginesmithFailure that no further attempt would change
 */
export async function fetchRest(source: TransferSource, progress: FileInProgress): Promise<void> {
  const { file, partial } = progress;
  let url: URL | undefined = new URL(source.url);
  const { origin } = url;
  let isHub = true;
  for (let hop = 0; url !== undefined; hop++) {
    if (hop > MAXIMUM_REDIRECTS) throw violation(source, file, `more than ${MAXIMUM_REDIRECTS} redirects`);
    // For good: where another host chose the address, the Hub is asked as a stranger asks, as `fetch` does it too.
    isHub &&= url.origin === origin;
    url = await fetchHop(source, progress, { url, isHub });
  }
  if (partial.offset < file.bytes)
    throw new TransientFault(`the body ended at ${partial.offset} of ${file.bytes} bytes`);
}

interface Hop {
  url: URL;
  /** No redirect has left the Hub's own origin yet. */
  isHub: boolean;
}

/** @returns the address that the server redirected to */
async function fetchHop(source: TransferSource, progress: FileInProgress, hop: Hop): Promise<URL | undefined> {
  const { file, partial } = progress;
  const { url, isHub } = hop;
  const { offset } = partial;
  const watchPace = createPaceWatch(url.host, source.idleTimeoutMs);
  let next: URL | undefined;

  const sink: TransferSink = {
    head(head) {
      if (isHub && head.status < 400) checkHubHeaders(head, source, file);
      const location = head.headers.get('location');
      if (REDIRECTS.has(head.status) && location !== undefined) {
        next = redirectTarget(location, url, source, file);
        return false;
      }
      checkStatus(head, source, hop);
      const start = bodyStart(head, file, offset);
      rememberEtag(head, progress, start > 0);
      if (start === 0 && offset > 0) partial.reset();
      return true;
    },
    body(chunk) {
      if (partial.offset + chunk.length > file.bytes) throw contradiction(file, 'more bytes', `${file.bytes}`);
      partial.append(chunk);
      progress.onBytes();
      if (partial.offset < file.bytes) watchPace(chunk.length);
    },
  };
  await transfer(
    {
      url,
      headers: requestHeaders(source, progress, isHub),
      idleTimeoutMs: source.idleTimeoutMs,
      proxy: source.proxy,
    },
    sink,
    file,
  );
  return next;
}

async function transfer(request: TransferRequest, sink: TransferSink, { bytes }: HubFile): Promise<void> {
  if (bytes >= SMALL_FILE_BYTES && !mayUseProxy(request.url, request.proxy)) {
    try {
      return await socketTransport(request, sink);
    } catch (error) {
      if (!(error instanceof UnframedBody)) throw error;
    }
  }
  // Loaded when it is needed: the thread of a large file starts sooner without it.
  const { undiciTransport } = await import('./undici-transport.js');
  await undiciTransport(request, sink);
}

function requestHeaders(
  { token }: TransferSource,
  { partial, etag }: FileInProgress,
  isHub: boolean,
): Record<string, string> {
  return {
    Accept: '*/*',
    'Accept-Encoding': 'identity',
    'User-Agent': 'enginesmith',
    ...(isHub && token !== undefined ? { Authorization: `Bearer ${token}` } : {}),
    ...(partial.offset > 0 ? { Range: `bytes=${partial.offset}-` } : {}),
    ...(partial.offset > 0 && etag !== undefined ? { 'If-Range': etag } : {}),
  };
}

function checkStatus(
  { status, headers }: ResponseHead,
  { subject, token, tokenPath }: TransferSource,
  { url, isHub }: Hop,
): void {
  if (status === 200 || status === 206 || status === 416) return;
  // Elsewhere, a refusal means that a signed address has expired: the Hub gives a new one.
  if (isTransientStatus(status) || !isHub) {
    throw new TransientFault(`${url.host} answered ${status}`, {
      retryAfterMs: parseRetryAfterMs(headers.get('retry-after')),
    });
  }
  throw refusal(subject, { status, errorCode: headers.get('x-error-code'), hasToken: token !== undefined, tokenPath });
}

function checkHubHeaders({ headers }: ResponseHead, source: TransferSource, file: HubFile): void {
  const commit = headers.get('x-repo-commit');
  if (commit !== undefined && commit !== source.subject.revision)
    throw violation(source, file, 'bytes of another commit');
  const etag = headers.get('x-linked-etag') ?? headers.get('etag');
  const name = etag?.replace(/^W\//, '').replace(/^"(.*)"$/, '$1');
  if (name !== undefined && !isContentName(name)) {
    throw violation(source, file, `the malformed entity tag ${JSON.stringify(name.slice(0, 120))}`);
  }
}

function redirectTarget(location: string, url: URL, source: TransferSource, file: HubFile): URL {
  const target = URL.canParse(location, url.href) ? new URL(location, url) : undefined;
  if (target?.protocol === 'https:' || target?.protocol === 'http:') return target;
  throw violation(source, file, 'a redirect to no HTTP address');
}

function rememberEtag({ headers }: ResponseHead, progress: FileInProgress, isContinued: boolean): void {
  const found = headers.get('etag');
  const etag = found !== undefined && STRONG_ETAG.test(found) ? found : undefined;
  if (isContinued && progress.etag !== undefined && etag !== undefined && etag !== progress.etag) {
    const message = `${progress.file.path}: the server went on with another version of the file. Check HF_ENDPOINT and proxies.`;
    throw new StartOver(
      new EnginesmithFailure('HubProtocolViolation', message, { context: { path: progress.file.path } }),
    );
  }
  if (!isContinued && etag !== progress.etag) {
    progress.etag = etag;
    progress.onEtag(etag);
  }
}

const violation = (source: TransferSource, file: HubFile, found: string): EnginesmithFailure =>
  new EnginesmithFailure(
    'HubProtocolViolation',
    `${file.path} of ${describeSubject(source.subject)}: the server sent ${found}. Nothing of it was used; check HF_ENDPOINT.`,
    { context: { path: file.path, found } },
  );
