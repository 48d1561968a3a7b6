import { posix } from 'node:path';
import type { Dataset } from '../course.js';
import { finding } from '../findings.js';
import type { ProgramCall } from '../programs.js';
import { lineOf, textOf } from '../tool-call.js';
import type { Rule } from './context.js';

const neverWritten: Rule = ({ course }) =>
  course.benchmarks.flatMap(({ tool, dataset, datasetPath }) => {
    if (dataset !== null || datasetPath === null || course.datasets.length === 0) return [];
    const line = lineOf(tool, '--dataset');
    const before = course.datasets.findLast((candidate) => candidate.tool.call.line < line);
    const instead = before === undefined ? '' : `; line ${before.tool.call.line} writes ${before.path}`;
    return [
      finding('dataset-never-written', {
        line,
        field: '--dataset',
        message: `nothing writes ${datasetPath}${instead}: the benchmark ends with "File does not exist"`,
        fix: 'Give prepare_dataset.py --output and the benchmark --dataset the same path.',
      }),
    ];
  });

/** What makes two datasets of the same path different ones. */
const contentOf = ({ tool }: Dataset): string =>
  [...tool.given.values()]
    .map(({ spelling, values }) => `${spelling}=${values.map(({ text }) => text).join(' ')}`)
    .join(' ');

const overwritten: Rule = ({ course: { datasets } }) =>
  datasets.flatMap((dataset, index) => {
    const earlier = datasets.slice(0, index).findLast(({ path }) => path === dataset.path);
    if (earlier === undefined || contentOf(earlier) === contentOf(dataset)) return [];
    return [
      finding('dataset-overwritten', {
        line: lineOf(dataset.tool, '--output'),
        field: '--output',
        message: `${dataset.path} holds other requests already (line ${earlier.tool.call.line}): they are replaced, and runs of both cannot be repeated`,
        fix: `Call it something else, as in ${posix.dirname(dataset.path)}/another-name.json.`,
      }),
    ];
  });

const path: Rule = ({ calls }) =>
  calls.flatMap((call) =>
    call.program === 'prepare_dataset.py' && /(?:^|\/)cpp\/build\//.test(call.path)
      ? [
          finding('prepare-dataset-path', {
            line: call.line,
            field: call.path,
            message:
              'prepare_dataset.py is no product of the build: it is not in cpp/build, and it imports what lies beside it in the source tree',
            fix: 'Run benchmarks/cpp/prepare_dataset.py of the source tree.',
          }),
        ]
      : [],
  );

const trustRemoteCode: Rule = ({ page, calls }) => {
  const lines = calls.filter(({ program }) => program === 'prepare_dataset.py').map(({ line }) => line);
  return page.prose.flatMap(({ line, text }) =>
    /trust[_-]remote[_-]code/i.test(text) && lines.some((command) => command >= line && command - line < 12)
      ? [
          finding('trust-remote-code-no-option', {
            line,
            field: 'trust_remote_code',
            message:
              'prepare_dataset.py has no such option up to v0.13: a tokenizer with code of its own needs an edited script',
            fix: 'Say which line of the script is to be edited, or take a tokenizer without code of its own.',
          }),
        ]
      : [],
  );
};

const LOCK = /^(?:-l[gm]c|--lock-(?:gpu|memory)-clocks|-ac|--applications-clocks)(?:=|$)/;
const RESET = /^(?:-r[gm]c|--reset-(?:gpu|memory)-clocks|-rac|--reset-applications-clocks)$/;
const DEVICES = /^(?:-i|--id)(?:=(.*))?$/;

const resets = {
  '-rac': /^-rac$|applications/,
  '-rmc': /^-rmc$|memory/,
  '-rgc': /^-rgc$|gpu/,
};

/** What takes a lock of clocks back. */
function undoOf(kind: string): keyof typeof resets {
  if (/^-ac$|applications/.test(kind)) return '-rac';
  return /^-lmc$|memory/.test(kind) ? '-rmc' : '-rgc';
}

/** The GPUs that a call of nvidia-smi is about; null is all of them. */
function devicesOf({ arguments: words }: ProgramCall): string[] | null {
  const index = words.findIndex(({ text }) => DEVICES.test(text ?? ''));
  const text = DEVICES.exec(words[index]?.text ?? '')?.[1] ?? words[index + 1]?.text ?? null;
  return index === -1 || text === null ? null : text.split(',');
}

const uses = (call: ProgramCall, pattern: RegExp): boolean =>
  call.arguments.some(({ text }) => pattern.test(text ?? ''));

const clocks: Rule = ({ calls, course }) => {
  const locks = calls.filter((call) => call.program === 'nvidia-smi' && uses(call, LOCK));
  return locks.flatMap((lock) => {
    const kind = lock.arguments.find(({ text }) => LOCK.test(text ?? ''))?.text?.split('=')[0] ?? '-lgc';
    const undo = undoOf(kind);
    const isReset = calls.some(
      (call) => call.program === 'nvidia-smi' && uses(call, RESET) && uses(call, resets[undo]),
    );
    const locked = devicesOf(lock);
    const measured = course.benchmarks.find(
      ({ tool: { call } }) =>
        locked !== null &&
        call.visibleDevices !== null &&
        !call.visibleDevices.split(',').every((device) => locked.includes(device)),
    );
    return [
      ...(isReset
        ? []
        : [
            finding('clocks-never-reset', {
              line: lock.line,
              field: kind,
              message: 'the clocks are locked and never reset: whoever uses the GPU next, uses it so',
              fix: `End with nvidia-smi ${undo}, also after a failure. A benchmark pipeline always does.`,
            }),
          ]),
      ...(measured === undefined
        ? []
        : [
            finding('clocks-of-another-gpu', {
              line: lock.line,
              field: '-i',
              message: `the clocks of GPU ${locked?.join(', ')} are locked, and line ${measured.tool.call.line} measures on GPU ${measured.tool.call.visibleDevices}`,
              fix: 'Lock the GPU that is measured.',
            }),
          ]),
    ];
  });
};

/** Of later releases: `gptManagerBenchmark` is what a spec measures with. */
const otherBenchmark: Rule = ({ calls }) =>
  calls.flatMap((call) =>
    call.program === 'trtllm-bench'
      ? [
          finding('unknown-program', {
            line: call.line,
            field: call.path,
            message: 'trtllm-bench is not followed: benchmark specs run gptManagerBenchmark',
            fix: 'Write the benchmark spec by hand, or measure with gptManagerBenchmark.',
          }),
        ]
      : [],
  );

const outsideOfSpec: Rule = ({ course }) =>
  course.benchmarks.flatMap(({ tool }) =>
    [...tool.given.values()].flatMap(({ flag, spelling, line, values }) => {
      const [name] = flag.names;
      const isDefault = values[0]?.text === flag.default && flag.default !== null;
      if (fieldFlags.has(name) || isDefault) return [];
      return [
        finding('flag-without-field', {
          line,
          field: spelling,
          message: `no field of a benchmark spec says ${spelling}; it is left out (${name} is ${textOf(tool, name) ?? 'set'})`,
          fix: 'Check that the comparison does without it.',
        }),
      ];
    }),
  );

/** Flags of gptManagerBenchmark that a benchmark spec says, or that change nothing that is measured. */
const fieldFlags = new Set([
  '--engine_dir',
  '--type',
  '--dataset',
  '--max_num_samples',
  '--request_rate',
  '--static_emulated_batch_size',
  '--static_emulated_timeout',
  '--streaming',
  '--output_csv',
  '--log_level',
  '--log_iteration_data',
]);

/** Datasets, clocks and runs of gptManagerBenchmark. */
export const benchmarkRules: readonly Rule[] = [
  neverWritten,
  overwritten,
  path,
  trustRemoteCode,
  clocks,
  otherBenchmark,
  outsideOfSpec,
];
