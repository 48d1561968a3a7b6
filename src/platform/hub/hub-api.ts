import { datasetInfo, listFiles, modelInfo, type RepoDesignation } from '@huggingface/hub';
import { fetch as undiciFetch } from 'undici';
import * as z from 'zod';
import { EnginesmithFailure } from '../../contracts/failures.js';
import { dispatcherFor } from './dispatcher.js';
import { type HubFile, isCommit, parseTreeEntry } from './hub-file.js';
import type { ProxySettings } from './proxy.js';
import { describeSubject, refusal, type Subject, unknownRevision } from './refusal.js';
import { isTransientStatus, parseRetryAfterMs, type RetryPolicy, retryTransient, TransientFault } from './retry.js';

export interface HubApiOptions {
  token: string | undefined;
  /** Where a token may be put, for messages. */
  tokenPath?: string | undefined;
  retry: RetryPolicy;
  /** For one request and its answer. */
  timeoutMs: number;
  proxy?: ProxySettings | undefined;
  signal?: AbortSignal | undefined;
}

const refSchema = z.array(z.object({ name: z.string() }));
const refsSchema = z.object({ branches: refSchema, tags: refSchema });
/** What goes into a message. */
const PRINTABLE_REVISION = /^[\w./+-]{1,100}$/;

/**
 * The commit that a branch, tag or commit of a repository names now.
 * @huggingface/hub knows the endpoints, their parameters and paging; what it lacks (retries, failures by type, a token
 * that stays at its origin on the way to the next page) is in the fetch that it is given.
 * @throws EnginesmithFailure as `HubClient`; `ModelNotFound` names the revisions that are most like one that is not there
 */
export async function fetchCommit(subject: Subject, options: HubApiOptions): Promise<string> {
  const { sha } = await fetchInfo(subject, options).catch(async (error: unknown) => {
    if (!(error instanceof EnginesmithFailure) || error.context.errorCode !== 'RevisionNotFound') throw error;
    throw unknownRevision(subject, await fetchRevisions(subject, options));
  });
  if (typeof sha === 'string' && isCommit(sha)) return sha;
  throw unusable(subject, 'has no commit of 40 hex digits');
}

async function fetchInfo(subject: Subject, options: HubApiOptions): Promise<{ sha: unknown }> {
  const { repository: name, revision, endpoint: hubUrl } = subject;
  const parameters = { name, revision, hubUrl, fetch: createFetch(subject, options) };
  return subject.kind === 'model'
    ? modelInfo({ ...parameters, additionalFields: ['sha'] })
    : datasetInfo({ ...parameters, additionalFields: ['sha'] });
}

/** Branches and tags; none when they cannot be had: they only help to find the right one. */
async function fetchRevisions(subject: Subject, options: HubApiOptions): Promise<string[]> {
  const url = `${subject.endpoint}/api/${subject.kind}s/${subject.repository}/refs`;
  try {
    const response = await createFetch(subject, { ...options, retry: { ...options.retry, attempts: 1 } })(url);
    const { branches, tags } = refsSchema.parse(await response.json());
    return [...branches, ...tags].map(({ name }) => name).filter((name) => PRINTABLE_REVISION.test(name));
  } catch (error) {
    options.signal?.throwIfAborted();
    if (error instanceof EnginesmithFailure || error instanceof z.ZodError) return [];
    throw error;
  }
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

function createFetch(
  subject: Subject,
  { token, tokenPath, retry: policy, timeoutMs, proxy, signal }: HubApiOptions,
): typeof fetch {
  const { origin } = new URL(subject.endpoint);

  const requestOnce = async (url: URL, init: RequestInit | undefined): Promise<Response> => {
    const headers = new Headers(init?.headers);
    if (token !== undefined) headers.set('Authorization', `Bearer ${token}`);
    const timeout = AbortSignal.timeout(timeoutMs);
    const combined = signal === undefined ? timeout : AbortSignal.any([timeout, signal]);
    try {
      // fetch itself drops Authorization when a redirect leaves the origin.
      const response = await undiciFetch(url, {
        method: init?.method ?? 'GET',
        headers: Object.fromEntries(headers),
        signal: combined,
        dispatcher: dispatcherFor(proxy),
      });
      const { status } = response;
      return new Response(await response.text(), { status, headers: Object.fromEntries(response.headers) });
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
      throw refusal(subject, {
        status,
        errorCode: headers.get('x-error-code'),
        hasToken: token !== undefined,
        tokenPath,
      });
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

/** fetch hides the system's error one level down, and a proxy's refusal two. */
function describeCause(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.cause instanceof Error ? describeCause(error.cause) : error.message;
}

const unusable = (subject: Subject, found: string): EnginesmithFailure =>
  new EnginesmithFailure(
    'HubProtocolViolation',
    `${describeSubject(subject)}: the answer of ${subject.endpoint} ${found}. Check that HF_ENDPOINT is a Hugging Face Hub or a mirror of it.`,
    { context: { repository: subject.repository, revision: subject.revision } },
  );
