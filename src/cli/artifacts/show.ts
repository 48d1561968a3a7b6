import { Command } from 'commander';
import type { StoredRecord } from '../../platform/store/inventory.js';
import { createOutput, type OutputOptions } from '../output.js';
import { duration } from '../progress-view.js';
import { size, withStore } from './open-store.js';

export const showCommand = (): Command =>
  new Command('show')
    .description('Shows what an artifact holds, which actions name it, and how it was made.')
    .argument('<digest>', 'its digest, or the first digits of it')
    .option('--json', 'print {"digest","kind","files","actions","records",…}')
    .addHelpText('after', '\nExamples:\n  $ npx enginesmith artifacts show 3f2a9c')
    .action(show);

/** Of a model of hundreds of shards, the largest say enough. */
const shownFiles = 12;

async function show(prefix: string, options: OutputOptions): Promise<void> {
  await withStore(async (store) => {
    const digest = await store.resolve(prefix);
    const described = await store.describe(digest);
    const actions = await store.actions(digest);
    const records = await store.records(digest);
    const pin = (await store.pins.list()).find((each) => each.digest === digest) ?? null;
    const { kind = null, bytes = null } = described?.reference ?? {};
    const files = described?.manifest.files ?? [];
    const largest = [...files].sort((left, right) => right.bytes - left.bytes).slice(0, shownFiles);
    const text = [
      `${digest}`,
      kind === null
        ? '  damaged: `artifacts verify` says more'
        : `  ${kind}, ${size(bytes ?? 0)} in ${files.length} ${files.length === 1 ? 'file' : 'files'}`,
      ...(pin === null ? [] : [`  pinned ${pin.pinnedAt.slice(0, 16)}: ${pin.note}`]),
      ...largest.map((file) => `  ${size(file.bytes).padStart(8)}  ${file.path}`),
      ...(files.length > shownFiles ? [`            and ${files.length - shownFiles} smaller ones`] : []),
      ...(actions.length === 0 ? ['No action names it.'] : ['Actions:', ...actions.map((key) => `  ${key}`)]),
      ...records.flatMap(recordLines),
    ];
    createOutput(options).result({ digest, kind, bytes, files, actions, records, pin }, text.join('\n'));
  });
}

function recordLines({
  attemptId,
  step,
  argv,
  startedAt,
  endedAt,
  host,
  toolchain,
  model,
  log,
}: StoredRecord): string[] {
  const tookMs = Date.parse(endedAt) - Date.parse(startedAt);
  return [
    `Made by ${step}${model === null ? '' : ` of ${model}`} on ${host}, ${startedAt}, in ${duration(tookMs)} (${attemptId})`,
    ...(toolchain === null ? [] : [`  toolchain ${toolchain}`]),
    ...argv.map((words) => `  $ ${words.map(quoted).join(' ')}`),
    ...(log === null ? [] : [`  log ${log}`]),
  ];
}

/** As a shell would take it back. */
const quoted = (word: string): string => (/^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`);
