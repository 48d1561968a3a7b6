import pLimit from 'p-limit';
import type { Digest } from '../../contracts/artifacts.js';
import type { ArtifactFolders } from './artifact-folders.js';
import { listArtifacts, listDigests, type StoredArtifact } from './inventory.js';
import { type KeepReason, type KeepRules, keepReasons, type LiveUse } from './keep-reasons.js';
import type { StoreLayout } from './layout.js';
import type { Pins } from './pins.js';
import type { Condemnation, Presence } from './presence.js';
import { listRuns, type RecordedRun, removeRun, rootsSince } from './roots.js';

export interface CollectDependencies {
  layout: StoreLayout;
  folders: ArtifactFolders;
  presence: Presence;
  pins: Pins;
}

export interface StoreUsage {
  artifacts: StoredArtifact[];
  /** Of what is kept; everything else is garbage. */
  reasons: Map<Digest, KeepReason[]>;
}

interface Survey extends StoreUsage {
  knownRoots: ReadonlySet<string>;
  deadRuns: RecordedRun[];
}

export interface Collection {
  removed: StoredArtifact[];
  kept: StoredArtifact[];
  reasons: Map<Digest, KeepReason[]>;
  /** Garbage at first sight that somebody came to need meanwhile, or that another collector removed. */
  spared: number;
}

/** Artifacts that are marked at once, and looked up together. */
const batchSize = 500;
const atOnce = 8;

/**
 * What lies in a store and why it stays.
 * @param ask says what runs and serves; null when nobody can be asked
 */
export async function surveyStore(
  dependencies: CollectDependencies,
  { ask, rules, nowMs = Date.now() }: { ask: () => Promise<LiveUse | null>; rules: KeepRules; nowMs?: number },
): Promise<Survey> {
  const { layout, pins } = dependencies;
  // Roots before the question: a run that starts after them is seen by its new roots, one that started before, by the answer.
  const runs = await listRuns(layout);
  const live = await ask();
  const artifacts = await listArtifacts(layout, dependencies);
  const kept = keepReasons(artifacts, { runs, pins: await pins.list(), live }, rules, nowMs);
  return {
    artifacts,
    reasons: kept.reasons,
    knownRoots: new Set(runs.flatMap(({ needs }) => needs.map(({ file }) => file))),
    deadRuns: runs.filter((run) => !kept.runs.has(run)),
  };
}

/**
 * Removes every artifact that nothing needs, beside running pipelines, workers and other collectors.
 * @param options.ask as of `surveyStore`
 */
export async function collectGarbage(
  dependencies: CollectDependencies,
  { ask, rules, dryRun = false }: { ask: () => Promise<LiveUse | null>; rules: KeepRules; dryRun?: boolean },
): Promise<Collection> {
  const { presence } = dependencies;
  if (!dryRun) await presence.sweep(await listDigests(dependencies.layout));
  const { artifacts, reasons, knownRoots, deadRuns } = await surveyStore(dependencies, { ask, rules });
  const kept = artifacts.filter(({ digest }) => reasons.has(digest));
  const garbage = artifacts.filter(({ digest }) => !reasons.has(digest));
  if (dryRun) return { removed: garbage, kept, reasons, spared: 0 };

  const removed: StoredArtifact[] = [];
  for (let start = 0; start < garbage.length; start += batchSize) {
    removed.push(...(await removeBatch(dependencies, garbage.slice(start, start + batchSize), knownRoots, rules)));
  }
  for (const run of deadRuns) await removeRun(run);
  return { removed, kept, reasons, spared: garbage.length - removed.length };
}

/** Marks, looks again who needs what, and removes what nobody does. @returns what was removed */
async function removeBatch(
  { layout, presence, pins }: CollectDependencies,
  garbage: readonly StoredArtifact[],
  knownRoots: ReadonlySet<string>,
  { graceMs }: KeepRules,
): Promise<StoredArtifact[]> {
  const limit = pLimit(atOnce);
  const marks = new Map<StoredArtifact, Condemnation>();
  const condemn = async (artifact: StoredArtifact): Promise<void> => {
    const mark = await presence.condemn(artifact.digest);
    if (mark !== undefined) marks.set(artifact, mark);
  };
  await Promise.all(garbage.map((artifact) => limit(() => condemn(artifact))));

  const needed = new Set([...(await rootsSince(layout, knownRoots)), ...(await pins.digests())]);
  const remove = async ([artifact, mark]: [StoredArtifact, Condemnation]): Promise<StoredArtifact[]> => {
    const { digest, usedAtMs } = artifact;
    const usedNowMs = await presence.usedAtMs(digest);
    // Within the grace time now, or used since it was listed, by whatever clock.
    const isUsed = usedNowMs === undefined || usedNowMs !== usedAtMs || Date.now() - usedNowMs < graceMs;
    if (needed.has(digest) || isUsed) {
      await mark.spare();
      return [];
    }
    if (!(await mark.take())) {
      await mark.spare();
      return [];
    }
    await presence.bury(digest);
    return [artifact];
  };
  return (await Promise.all([...marks].map((entry) => limit(() => remove(entry))))).flat();
}
