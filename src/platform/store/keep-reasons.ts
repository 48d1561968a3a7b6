import type { Digest } from '../../contracts/artifacts.js';
import type { StoredArtifact } from './inventory.js';
import type { Pin } from './pins.js';
import type { RecordedRun } from './roots.js';

/** Why an artifact stays in the store. */
export type KeepReason =
  | { why: 'deployment'; name: string; revision: number; current: boolean }
  | { why: 'running'; workflowId: string }
  /** It runs where nobody was asked, so it counts as running. */
  | { why: 'unknown-run'; workflowId: string }
  | { why: 'last-runs'; name: string; workflowId: string }
  | { why: 'pin'; note: string }
  | { why: 'recent'; usedAtMs: number };

/** What Temporal says of one namespace. Pipelines are asked for first: what one promotes meanwhile is in its own roots. */
export interface LiveUse {
  namespace: string;
  /** Workflow ids of the pipelines that run. */
  running: ReadonlySet<string>;
  runningRunIds: ReadonlySet<string>;
  deployments: readonly { name: string; revision: number; current: boolean; digests: readonly Digest[] }[];
}

export interface KeepRules {
  /** Runs of each spec name, whatever came of them, whose artifacts are kept. */
  lastRuns: number;
  /** What was made or used this recently is kept: somebody may just be about to say that it is needed. */
  graceMs: number;
}

export const defaultKeepRules: KeepRules = { lastRuns: 3, graceMs: 24 * 60 * 60 * 1000 };

export interface StoreUse {
  runs: readonly RecordedRun[];
  pins: readonly Pin[];
  /** Null when nobody could be asked; then nothing is known to run, or to serve. */
  live: LiveUse | null;
}

export interface Kept {
  reasons: Map<Digest, KeepReason[]>;
  /** Runs whose roots count. The others need nothing any more. */
  runs: Set<RecordedRun>;
}

/** What of a store is needed, and why. */
export function keepReasons(
  artifacts: readonly StoredArtifact[],
  { runs, pins, live }: StoreUse,
  { lastRuns, graceMs }: KeepRules,
  nowMs: number,
): Kept {
  const reasons = new Map<Digest, KeepReason[]>();
  const keptRuns = new Set<RecordedRun>();
  const keep = (digest: Digest, reason: KeepReason): void => {
    const known = reasons.get(digest);
    if (known === undefined) reasons.set(digest, [reason]);
    else known.push(reason);
  };
  for (const { name, revision, current, digests } of live?.deployments ?? []) {
    for (const digest of new Set(digests)) keep(digest, { why: 'deployment', name, revision, current });
  }
  const seenOfName = new Map<string, number>();
  for (const run of [...runs].sort((left, right) => right.recordedAtMs - left.recordedAtMs)) {
    const name = run.name ?? '';
    const seen = seenOfName.get(name) ?? 0;
    seenOfName.set(name, seen + 1);
    const reason = reasonOfRun(run, live, seen < lastRuns);
    // A root that was written a moment ago may be of a run that the server's list does not have yet.
    if (reason !== undefined || nowMs - run.recordedAtMs < graceMs) keptRuns.add(run);
    for (const digest of new Set(run.needs.map((need) => need.digest))) {
      if (reason !== undefined) keep(digest, reason);
      else if (keptRuns.has(run)) keep(digest, { why: 'recent', usedAtMs: run.recordedAtMs });
    }
  }
  for (const { digest, note } of pins) keep(digest, { why: 'pin', note });
  for (const { digest, usedAtMs } of artifacts) {
    if (nowMs - usedAtMs < graceMs && !reasons.get(digest)?.some(({ why }) => why === 'recent')) {
      keep(digest, { why: 'recent', usedAtMs });
    }
  }
  return { reasons, runs: keptRuns };
}

function reasonOfRun(run: RecordedRun, live: LiveUse | null, isAmongLast: boolean): KeepReason | undefined {
  const { runId, workflowId: id, namespace, name } = run;
  const workflowId = id ?? runId;
  if (live !== null && (live.runningRunIds.has(runId) || live.running.has(workflowId))) {
    return { why: 'running', workflowId };
  }
  if (live !== null && namespace !== null && namespace !== live.namespace) return { why: 'unknown-run', workflowId };
  return isAmongLast ? { why: 'last-runs', name: name ?? '', workflowId } : undefined;
}

/** A reason as a person reads it. */
export function reasonText(reason: KeepReason): string {
  switch (reason.why) {
    case 'deployment':
      return `deployment ${reason.name}, revision ${reason.revision}${reason.current ? '' : ' (earlier)'}`;
    case 'running':
      return `running: ${reason.workflowId}`;
    case 'unknown-run':
      return `may be running in another namespace: ${reason.workflowId}`;
    case 'last-runs':
      return `one of the last runs${reason.name === '' ? '' : ` of ${reason.name}`}: ${reason.workflowId}`;
    case 'pin':
      return `pinned: ${reason.note}`;
    case 'recent':
      return `used ${new Date(reason.usedAtMs).toISOString()}`;
  }
}
