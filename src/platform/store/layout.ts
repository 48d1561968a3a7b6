import { join } from 'node:path';
import { EnginesmithFailure } from '../../contracts/failures.js';

/** Where everything of a store lies. One place knows the folder names. */
export interface StoreLayout {
  staging: string;
  artifact(digest: string): string;
  action(key: string): string;
  attemptRecord(digest: string, attemptId: string): string;
  root(runId: string, key: string): string;
  quarantine(digest: string, suffix: string): string;
}

export const manifestFileName = 'manifest.json';
export const filesDirectoryName = 'files';

/** @throws NotFound (from its members) when a digest or key is not 64 hex digits, and so cannot be part of a path */
export function storeLayout(directory: string): StoreLayout {
  return {
    staging: join(directory, 'staging'),
    artifact: (digest) => join(directory, 'artifacts', ...sharded(digest)),
    action: (key) => `${join(directory, 'actions', ...sharded(key))}.json`,
    attemptRecord: (digest, attemptId) => join(directory, 'records', requireSha256(digest), pathSafeName(attemptId)),
    root: (runId, key) => join(directory, 'roots', pathSafeName(runId), `${requireSha256(key)}.json`),
    quarantine: (digest, suffix) => join(directory, 'quarantine', `${requireSha256(digest)}-${suffix}`),
  };
}

/** Folders of at most some thousand entries: `<first two digits>/<all digits>`. */
export function sharded(digest: string): [shard: string, name: string] {
  return [requireSha256(digest).slice(0, 2), digest];
}

/** Whether a text is a digest or key, and so can safely be part of a path. */
export function isSha256(value: string): boolean {
  return /^[0-9a-f]{64}$/.test(value);
}

function requireSha256(value: string): string {
  if (!isSha256(value)) {
    throw new EnginesmithFailure(
      'NotFound',
      `"${value.slice(0, 80)}" names nothing in the artifact store: expected 64 lower-case hex digits of a sha256`,
    );
  }
  return value;
}

/** Workflow and activity ids may hold slashes; a file name may not, and must not be `.` or `..`. */
function pathSafeName(id: string): string {
  return encodeURIComponent(id).replace(/^\./, '%2E');
}
