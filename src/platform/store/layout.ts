import { join } from 'node:path';
import { EnginesmithFailure } from '../../contracts/failures.js';

/** Where everything of a store lies. One place knows the folder names. */
export interface StoreLayout {
  staging: string;
  /** Folders of artifacts and of actions, each below the first two digits of its name. */
  artifacts: string;
  actions: string;
  /** A folder a digest. */
  records: string;
  /** A folder a run. */
  roots: string;
  pins: string;
  /** Artifacts that are being removed. */
  trash: string;
  quarantined: string;
  artifact(digest: string): string;
  action(key: string): string;
  attemptRecord(digest: string, attemptId: string): string;
  attestation(digest: string, name: string): string;
  /** @param key null for what a run needs and no action of it made */
  root(runId: string, key: string | null, digest: string): string;
  pin(digest: string): string;
  quarantine(digest: string, suffix: string): string;
}

export const manifestFileName = 'manifest.json';
export const filesDirectoryName = 'files';

/** @throws NotFound (from its members) when a digest or key is not 64 hex digits, and so cannot be part of a path */
export function storeLayout(directory: string): StoreLayout {
  return {
    staging: join(directory, 'staging'),
    artifacts: join(directory, 'artifacts'),
    actions: join(directory, 'actions'),
    records: join(directory, 'records'),
    roots: join(directory, 'roots'),
    pins: join(directory, 'pins'),
    trash: join(directory, 'trash'),
    quarantined: join(directory, 'quarantine'),
    artifact: (digest) => join(directory, 'artifacts', ...sharded(digest)),
    action: (key) => `${join(directory, 'actions', ...sharded(key))}.json`,
    attemptRecord: (digest, attemptId) => join(directory, 'records', requireSha256(digest), pathSafeName(attemptId)),
    attestation: (digest, name) => `${join(directory, 'attestations', ...sharded(digest), pathSafeName(name))}.json`,
    // With the digest in its name, a list of names is enough to see what has become needed meanwhile.
    root: (runId, key, digest) =>
      join(directory, 'roots', pathSafeName(runId), `${requireSha256(key ?? digest)}-${requireSha256(digest)}.json`),
    pin: (digest) => join(directory, 'pins', `${requireSha256(digest)}.json`),
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
