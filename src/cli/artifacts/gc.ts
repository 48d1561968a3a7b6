import { Command, InvalidArgumentError } from 'commander';
import { EnginesmithFailure } from '../../contracts/failures.js';
import { createClaims } from '../../platform/store/claims.js';
import type { Collection } from '../../platform/store/collect.js';
import { defaultKeepRules, type KeepReason, type LiveUse } from '../../platform/store/keep-reasons.js';
import { whatIsInUse } from '../connect.js';
import { createOutput, type OutputOptions } from '../output.js';
import { shortDigest, size, withStore } from './open-store.js';

const notes = `
What stays: the revisions that deployments serve or keep, what running pipelines
need, pins, the last runs of each spec, and what was used within the grace time.
It may run beside pipelines, workers and other collections.

Where Temporal, or the worker of a deployment, does not answer, nothing is
removed. --assume-nothing-runs removes all the same what no pin, last run or
grace time keeps: an engine that serves, or that a pipeline needs, may be lost.

Examples:
  $ npx enginesmith artifacts gc --dry-run
  $ npx enginesmith artifacts gc --keep-runs 1 --grace-hours 2`;

interface GcOptions extends OutputOptions {
  dryRun?: boolean;
  keepRuns: number;
  graceHours: number;
  assumeNothingRuns?: boolean;
}

/** Between a look-up and its root lie milliseconds, between the clocks of hosts seconds. */
const leastGraceHours = 0.1;

export const gcCommand = (): Command =>
  new Command('gc')
    .description('Removes the artifacts that nothing needs any more.')
    .option('--dry-run', 'say what would go, and why the rest stays')
    .option('--keep-runs <n>', 'runs of each spec name to keep', wholeNumber, defaultKeepRules.lastRuns)
    .option('--grace-hours <hours>', 'keep what was used so recently', hours, defaultKeepRules.graceMs / 3_600_000)
    .option('--assume-nothing-runs', 'ask nobody; see below for the risk')
    .option('--json', 'print {"removed","kept","bytes",…}')
    .addHelpText('after', notes)
    .action(gc);

async function gc({
  dryRun = false,
  keepRuns,
  graceHours,
  assumeNothingRuns = false,
  ...options
}: GcOptions): Promise<void> {
  const rules = { lastRuns: keepRuns, graceMs: graceHours * 3_600_000 };
  const ask = assumeNothingRuns ? async () => null : askOrRefuse;
  await withStore(async (store, { places }) => {
    const collection = await store.collect({ ask, rules, dryRun });
    const { removed, kept, reasons, spared } = collection;
    const claims = createClaims({ directory: places.claims });
    const swept = dryRun
      ? null
      : await store.sweep({
          claims,
          downloadsDirectory: places.downloads,
          logsDirectory: places.logs,
          graceMs: rules.graceMs,
        });
    const bytes = sum(removed);
    const value = {
      dryRun,
      removed: removed.map(({ digest, kind, bytes }) => ({ digest, kind, bytes })),
      bytes,
      kept: kept.map(({ digest, kind, bytes }) => ({ digest, kind, bytes, keptBy: reasons.get(digest) ?? [] })),
      spared,
      swept,
    };
    createOutput(options).result(value, textOf(collection, { dryRun, bytes }));
  });
}

/** @throws EnginesmithFailure `PrerequisiteMissing` when somebody who may need something cannot be asked */
const askOrRefuse = (): Promise<LiveUse> =>
  whatIsInUse().catch((failure: unknown) => {
    if (!(failure instanceof EnginesmithFailure)) throw failure;
    throw new EnginesmithFailure(
      'PrerequisiteMissing',
      `Nothing was removed: what pipelines and deployments need is not known. ${failure.message}\n` +
        'With --assume-nothing-runs it is removed all the same, unless a pin, one of the last runs or the grace time keeps it.',
      { cause: failure, context: failure.context },
    );
  });

function textOf(
  { removed, kept, reasons, spared }: Collection,
  { dryRun, bytes }: { dryRun: boolean; bytes: number },
): string {
  const lines = removed.map((each) => `  ${shortDigest(each.digest)}  ${size(each.bytes).padStart(8)}  ${each.kind}`);
  const byReason = new Map<string, { count: number; bytes: number }>();
  for (const artifact of kept) {
    const label = labels[reasons.get(artifact.digest)?.[0]?.why ?? 'recent'];
    const known = byReason.get(label) ?? { count: 0, bytes: 0 };
    byReason.set(label, { count: known.count + 1, bytes: known.bytes + artifact.bytes });
  }
  return [
    `${dryRun ? 'Would remove' : 'Removed'} ${removed.length} artifacts, ${size(bytes)}`,
    ...lines,
    `Kept ${kept.length} artifacts, ${size(sum(kept))}`,
    ...[...byReason].map(([label, { count, bytes }]) => `  ${label}: ${count}, ${size(bytes)}`),
    ...(spared === 0 ? [] : [`${spared} came to be needed meanwhile, or another collection has removed them.`]),
  ].join('\n');
}

const labels: Record<KeepReason['why'], string> = {
  deployment: 'revisions of deployments',
  running: 'pipelines that run',
  'unknown-run': 'pipelines of other namespaces, which may run',
  'last-runs': 'the last runs of each spec',
  pin: 'pinned',
  recent: 'used within the grace time',
};

const sum = (artifacts: readonly { bytes: number }[]): number =>
  artifacts.reduce((total, { bytes }) => total + bytes, 0);

function wholeNumber(text: string): number {
  if (/^\d{1,4}$/.test(text)) return Number(text);
  throw new InvalidArgumentError('It must be a whole number.');
}

function hours(text: string): number {
  const value = Number(text);
  if (text.trim() !== '' && Number.isFinite(value) && value >= leastGraceHours) return value;
  throw new InvalidArgumentError(`It must be ${leastGraceHours} or more.`);
}
