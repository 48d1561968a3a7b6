import { EnginesmithFailure } from '../../contracts/failures.js';
import type { RepositoryKind } from './hub-file.js';
import { nearNames } from './near-names.js';

/** A repository at a revision or commit, at a Hub. */
export interface Subject {
  endpoint: string;
  kind: RepositoryKind;
  repository: string;
  revision: string;
}

/** `model org/name at main`. */
export const describeSubject = ({ kind, repository, revision }: Subject): string =>
  `${kind} ${repository} at ${revision}`;

/** The page where a person reads and accepts a licence. */
const pageUrl = ({ endpoint, kind, repository }: Subject): string =>
  `${endpoint}/${kind === 'dataset' ? 'datasets/' : ''}${repository}`;

/**
 * The failure for a final status of the Hub itself.
 * @param errorCode its `X-Error-Code`: RepoNotFound, RevisionNotFound, EntryNotFound or GatedRepo
 */
export function refusal(
  subject: Subject,
  answer: { status: number; errorCode: string | null | undefined; hasToken: boolean; tokenPath?: string | undefined },
): EnginesmithFailure {
  const { status, errorCode, hasToken, tokenPath } = answer;
  const context = { repository: subject.repository, revision: subject.revision, status, errorCode: errorCode ?? null };
  if (errorCode === 'RepoNotFound' || status === 404 || status === 410) {
    const missing =
      errorCode === 'RevisionNotFound' || errorCode === 'EntryNotFound' ? `${subject.revision} of it` : 'it';
    return new EnginesmithFailure(
      'ModelNotFound',
      `${describeSubject(subject)}: ${subject.endpoint} does not have ${missing}. Correct the repository and revision in ` +
        'the spec; if the repository is private, give the worker an HF_TOKEN that may read it.',
      { context },
    );
  }
  if (status === 401 || status === 403) {
    const page = pageUrl(subject);
    return new EnginesmithFailure(
      'ModelAccessDenied',
      `${describeSubject(subject)}: access denied (${status}), ${
        hasToken ? "the worker's HF_TOKEN lacks the right" : 'the worker has no HF_TOKEN'
      }. If it is gated, accept its licence at ${page} with the account of the token; then ${
        tokenPath === undefined ? '' : `write the token to ${tokenPath}, which counts at once, or `
      }set HF_TOKEN where the worker starts.`,
      { context: { ...context, page } },
    );
  }
  return new EnginesmithFailure(
    'HubProtocolViolation',
    `${describeSubject(subject)}: ${subject.endpoint} answered ${status}, which the Hub's protocol does not have here. Check HF_ENDPOINT.`,
    { context },
  );
}

/** @param revisions all that the repository has; none when that is not known */
export function unknownRevision(subject: Subject, revisions: readonly string[]): EnginesmithFailure {
  const near = nearNames(subject.revision, revisions).join(', ');
  const others = near === '' ? '' : `; it has ${near}`;
  return new EnginesmithFailure(
    'ModelNotFound',
    `${describeSubject(subject)}: ${subject.endpoint} does not have ${subject.revision} of it${others}. ` +
      'Correct the revision in the spec.',
    {
      context: { repository: subject.repository, revision: subject.revision, errorCode: 'RevisionNotFound', near },
    },
  );
}
