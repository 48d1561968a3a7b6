import { datasetInfo, listFiles, modelInfo, type RepoDesignation } from '@huggingface/hub';
import { EnginesmithFailure } from '../../contracts/failures.js';
import { type HubFile, isCommit, parseTreeEntry } from './hub-file.js';
import { describeSubject, refusal, type Subject } from './refusal.js';
import { isTransientStatus, parseRetryAfterMs, type RetryPolicy, retryTransient, TransientFault } from './retry.js';

export interface HubApiOptions {
  token: string | undefined;
  retry: RetryPolicy;
  /** For one request and its answer. */
  timeoutMs: number;
  signal?: AbortSignal | undefined;
}

/**
 * The commit that a branch, tag or commit of a repository names now.
 * @huggingface/hub knows the endpoints, their parameters and paging; what it lacks (retries, failures by type, a token
 * that stays at its origin on the way to the next page) is in the fetch that it is given.
 */
export async function fetchCommit(subject: Subject, options: HubApiOptions): Promise<string> {
  const { repository: name, revision, endpoint: hubUrl } = subject;
  const parameters = { name, revision, hubUrl, fetch: createFetch(subject, options) };
  const { sha } =
    subject.kind === 'model'
      ? await modelInfo({ ...parameters, additionalFields: ['sha'] })
      : await datasetInfo({ ...parameters, additionalFields: ['sha'] });
  if (typeof sha === 'string' && isCommit(sha)) return sha;
  throw unusable(subject, 'has no commit of 40 hex digits');
}

/** Every file of a repository at a commit, all pages. @throws EnginesmithFailure `HubProtocolViolation` for unsafe entries */
export async function fetchFiles(subject: Subject, options: HubApiOptions): Promise<HubFile[]> {
  const repo: RepoDesignation = { type: subject.kind, name: subject.repository };
  const { endpoint: hubUrl, revision } = subject;
  const files = new Map<string, HubFile>();
  for await (const entry of listFiles({
    repo,
    revision,
    hubUrl,
    recursive: true,
    fetch: createFetch(subject, options),
  })) {
    const file = parseTreeEntry(entry);
    if (file === undefined) continue;
    if (files.has(file.path)) throw unusable(subject, `lists ${file.path} twice`);
    files.set(file.path, file);
  }
  return [...files.values()];
}

function createFetch(subject: Subject, { token, retry: policy, timeoutMs, signal }: HubApiOptions): typeof fetch {
  const { origin } = new URL(subject.endpoint);

  const requestOnce = async (url: URL, init: RequestInit | undefined): Promise<Response> => {
    const headers = new Headers(init?.headers);
    if (token !== undefined) headers.set('Authorization', `Bearer ${token}`);
    const timeout = AbortSignal.timeout(timeoutMs);
    const combined = signal === undefined ? timeout : AbortSignal.any([timeout, signal]);
    try {
      // fetch itself drops Authorization when a redirect leaves the origin.
      const response = await fetch(url, { ...init, headers, signal: combined });
      return new Response(await response.text(), { status: response.status, headers: response.headers });
    } catch (cause) {
      signal?.throwIfAborted();
      throw new TransientFault(`${url.host}: ${describeCause(cause)}`, { cause });
    }
  };

  return async (input, init) => {
    const url = new URL(input instanceof Request ? input.url : input);
    if (url.origin !== origin) throw unusable(subject, `goes on at another origin, ${url.origin}`);
    const attempt = async (): Promise<Response> => {
      const response = await requestOnce(url, init);
      const { status, headers } = response;
      if (!isTransientStatus(status)) return response;
      const retryAfterMs = parseRetryAfterMs(headers.get('retry-after'));
      throw new TransientFault(`${url.host} answered ${status}`, { retryAfterMs });
    };
    const response = await retryTransient(attempt, { policy, subject: describeSubject(subject), signal });
    const { status, headers } = response;
    if (status !== 200) {
      throw refusal(subject, { status, errorCode: headers.get('x-error-code'), hasToken: token !== undefined });
    }
    if (!(await isJson(response.clone()))) throw unusable(subject, 'is not JSON');
    return response;
  };
}

async function isJson(response: Response): Promise<boolean> {
  try {
    await response.json();
    return true;
  } catch {
    return false;
  }
}

/** fetch hides the system's error one level down. */
function describeCause(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.cause instanceof Error ? error.cause.message : error.message;
}

const unusable = (subject: Subject, found: string): EnginesmithFailure =>
  new EnginesmithFailure(
    'HubProtocolViolation',
    `${describeSubject(subject)}: the answer of ${subject.endpoint} ${found}. Check that HF_ENDPOINT is a Hugging Face Hub or a mirror of it.`,
    { context: { repository: subject.repository, revision: subject.revision } },
  );
