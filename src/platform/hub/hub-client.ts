import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { EnginesmithFailure } from '../../contracts/failures.js';
import { hasCode } from '../durable-files.js';
import { type DownloadProgress, downloadFiles } from './download.js';
import { fetchCommit, fetchFiles, type HubApiOptions } from './hub-api.js';
import { assertSafePath, type HubFile, isCommit, type RepositoryKind } from './hub-file.js';
import type { ProxySettings } from './proxy.js';
import { readVerifiedFile } from './read-file.js';
import type { Subject } from './refusal.js';
import { defaultRetryPolicy, type RetryPolicy } from './retry.js';
import type { TransferredFile } from './transfer-file.js';

export interface HubClientOptions {
  /** As in `https://huggingface.co`; a path is kept. */
  endpoint: string;
  /** Sent to the endpoint's own origin only. */
  token?: string | undefined;
  /** A file with a token, read at each request; where it is, it counts in place of `token`. @default none */
  tokenPath?: string | undefined;
  /** @default defaultRetryPolicy */
  retry?: RetryPolicy;
  /** Longest silence of a server. @default 30 s: content networks that fetch a cold object first take some */
  idleTimeoutMs?: number;
  /** As `readProxySettings` finds them. Files come slower through a proxy, and verified all the same. @default none */
  proxy?: ProxySettings | undefined;
}

/** A repository of the Hub. */
interface RepositoryRequest {
  kind: RepositoryKind;
  /** `organization/name`, or the bare name of the Hub's oldest repositories. */
  repository: string;
  signal?: AbortSignal | undefined;
}

interface DownloadRequest extends RepositoryRequest {
  commit: string;
  /** What `listFiles` gave, or a part of it. */
  files: readonly HubFile[];
  /** Where the files go. `<directory>.download` beside it keeps what an interrupted download needs; remove both together. */
  directory: string;
  onProgress?: (progress: DownloadProgress) => void;
}

/**
 * A Hugging Face Hub as seen from one worker. Nothing is cached and nothing stale is ever used in place of an answer.
 * All methods throw EnginesmithFailure `ModelNotFound`, `ModelAccessDenied`, `HubUnavailable` or `HubProtocolViolation`,
 * and the signal's reason when it is aborted.
 */
export interface HubClient {
  /** What a branch, tag or commit names now. */
  resolveRevision(request: RepositoryRequest & { revision: string }): Promise<{ commit: string }>;
  listFiles(request: RepositoryRequest & { commit: string }): Promise<HubFile[]>;
  /** Reads one small file of `listFiles` into memory, verified. Also throws `IntegrityMismatch`, `UnsupportedModel` if large. */
  readFile(request: RepositoryRequest & { commit: string; file: HubFile }): Promise<Buffer>;
  /**
   * Every byte is verified against `files` before a file gets its name in `directory`. Goes on where an earlier call was
   * killed. Also throws `IntegrityMismatch` and `InsufficientDisk`.
   */
  download(request: DownloadRequest): Promise<TransferredFile[]>;
}

const REPOSITORY = /^[A-Za-z0-9][\w.-]*(\/[A-Za-z0-9][\w.-]*)?$/;
const DEFAULT_IDLE_TIMEOUT_MS = 30_000;

/** @throws EnginesmithFailure `PrerequisiteMissing` for an endpoint or a token that cannot be used */
export function createHubClient(options: HubClientOptions): HubClient {
  const endpoint = parseEndpoint(options.endpoint);
  const fixed = parseToken(options.token, 'HF_TOKEN');
  const { tokenPath } = options;
  const currentToken = (): string | undefined =>
    (tokenPath === undefined ? undefined : parseToken(readTokenFile(tokenPath), tokenPath)) ?? fixed;
  const { retry = defaultRetryPolicy, idleTimeoutMs = DEFAULT_IDLE_TIMEOUT_MS, proxy } = options;
  const apiOptions = (signal: AbortSignal | undefined): HubApiOptions => ({
    token: currentToken(),
    tokenPath,
    retry,
    timeoutMs: idleTimeoutMs,
    proxy,
    signal,
  });

  const subjectOf = ({ kind, repository }: RepositoryRequest, revision: string): Subject => {
    if (!REPOSITORY.test(repository)) throw invalid('repository', repository, 'organization/name');
    return { endpoint, kind, repository, revision };
  };
  const pinned = (request: RepositoryRequest & { commit: string }): Subject => {
    if (!isCommit(request.commit)) throw invalid('commit', request.commit, '40 hex digits');
    return subjectOf(request, request.commit);
  };

  const sourceOf = (subject: Subject, { path }: HubFile) => ({
    subject,
    url: resolveUrl(subject, path),
    token: currentToken(),
    tokenPath,
    retry,
    idleTimeoutMs,
    proxy,
  });

  return {
    async resolveRevision(request) {
      if (request.revision === '') throw invalid('revision', '', 'a branch, tag or commit');
      return { commit: await fetchCommit(subjectOf(request, request.revision), apiOptions(request.signal)) };
    },
    listFiles: async (request) => fetchFiles(pinned(request), apiOptions(request.signal)),
    async readFile(request) {
      const { file, signal } = request;
      assertSafePath(file.path);
      return readVerifiedFile({ ...sourceOf(pinned(request), file), signal }, file);
    },
    async download(request) {
      const subject = pinned(request);
      const { files, onProgress, signal } = request;
      const directory = resolve(request.directory);
      const describe = (file: HubFile) => sourceOf(subject, file);
      return downloadFiles({ files, directory, onProgress, signal, describe });
    },
  };
}

function resolveUrl({ endpoint, kind, repository, revision }: Subject, path: string): string {
  const encoded = path.split('/').map(encodeURIComponent).join('/');
  return `${endpoint}/${kind === 'dataset' ? 'datasets/' : ''}${repository}/resolve/${revision}/${encoded}`;
}

function parseEndpoint(value: string): string {
  const protocol = URL.canParse(value) ? new URL(value).protocol : undefined;
  if (protocol === 'https:' || protocol === 'http:') return value.replace(/\/+$/, '');
  throw new EnginesmithFailure(
    'PrerequisiteMissing',
    `HF_ENDPOINT is ${JSON.stringify(value)}, expected an address such as https://huggingface.co. Correct it where the worker starts.`,
  );
}

/** A token that was read from a file often ends with a newline; other such characters would break out of its header. */
function parseToken(value: string | undefined, source: string): string | undefined {
  const token = value?.trim();
  if (token === undefined || token === '') return undefined;
  if (/^[\x21-\x7e]+$/.test(token)) return token;
  throw new EnginesmithFailure(
    'PrerequisiteMissing',
    `${source} holds characters that no token has (spaces, line breaks or letters beyond ASCII). Write it again.`,
  );
}

/** What is put there while a worker runs counts for its next request. */
function readTokenFile(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch (cause) {
    if (hasCode(cause, 'ENOENT', 'ENOTDIR')) return undefined;
    throw new EnginesmithFailure(
      'PrerequisiteMissing',
      `The token in ${path} cannot be read: let the worker's user read it.`,
      {
        cause,
      },
    );
  }
}

const invalid = (field: string, value: string, expected: string): EnginesmithFailure =>
  new EnginesmithFailure(
    'InvalidSpec',
    `${field}: ${JSON.stringify(value)} cannot name anything on the Hub, expected ${expected}. Correct it in the spec.`,
    { context: { field, expected } },
  );
