import type { BenchmarkSpec } from '../contracts/benchmark-spec.js';
import type { SpecProblem } from '../contracts/spec-problems.js';
import { CPU_TASK_QUEUE, gpuTaskQueue } from '../contracts/task-queues.js';
import { commandOf, execution, ifAsked, located, path, semantic } from './ask.js';
import type { CommandTemplate } from './command.js';
import { type FixedStep, unsupportedIn } from './fixed-plan.js';
import { findRelease, toolPaths } from './releases.js';
import { worldSizeOf } from './sides.js';

type Workload = BenchmarkSpec['workloads'][number];
type Run = BenchmarkSpec['runs'][number];

/** `--type` of gptManagerBenchmark by what a run says; static batches are emulated by in-flight batching that waits. */
const batchingTypes: Record<Run['batching'], string> = { inflight: 'IFB', v1: 'V1', static: 'IFB' };

/** `prepare_dataset.py token-norm-dist`: options of the whole program come before the subcommand, and only there. */
function workloadCommand({ toolchain }: BenchmarkSpec, workload: Workload): CommandTemplate {
  const { release } = findRelease(toolchain);
  const { requests, inputTokens, outputTokens } = workload;
  const whole = commandOf(
    release,
    'prepare_dataset.py',
    ['python3', toolPaths.prepareDataset],
    [located('--output', `{output}/${workload.name}.json`), path('--tokenizer', 'model')],
  );
  const own = commandOf(
    release,
    'prepare_dataset.py token-norm-dist',
    ['token-norm-dist'],
    [
      semantic('--num-requests', requests),
      semantic('--input-mean', inputTokens.mean),
      semantic('--input-stdev', inputTokens.standardDeviation),
      semantic('--output-mean', outputTokens.mean),
      semantic('--output-stdev', outputTokens.standardDeviation),
    ],
  );
  const positional = own.program.map((name) => ({ kind: 'semantic', name, value: null }) as const);
  return {
    program: whole.program,
    flags: [...whole.flags, ...positional, ...own.flags],
    unsupported: [...whole.unsupported, ...own.unsupported],
  };
}

/** `gptManagerBenchmark`, one rank a GPU. */
function runCommand({ toolchain, engine, runs }: BenchmarkSpec, run: Run): CommandTemplate {
  const ranks = worldSizeOf(engine);
  const field = (name: keyof Run): { field: string } => ({ field: `runs.${runs.indexOf(run)}.${name}` });
  const program =
    ranks === 1
      ? [toolPaths.gptManagerBenchmark]
      : ['mpirun', '-n', `${ranks}`, '--allow-run-as-root', toolPaths.gptManagerBenchmark];
  return commandOf(findRelease(toolchain).release, 'gptManagerBenchmark', program, [
    located('--engine_dir', engine.directory),
    semantic('--type', batchingTypes[run.batching]),
    ...ifAsked(run.requestsPerSecond, (rate) => semantic('--request_rate', rate, field('requestsPerSecond'))),
    located('--dataset', `{workloads}/${run.workload}.json`),
    ...ifAsked(run.samples, (samples) => semantic('--max_num_samples', samples, field('samples'))),
    ...ifAsked(run.staticBatchSize, (size) => semantic('--static_emulated_batch_size', size, field('staticBatchSize'))),
    ...ifAsked(run.staticTimeoutMilliseconds, (timeout) =>
      semantic('--static_emulated_timeout', timeout, field('staticTimeoutMilliseconds')),
    ),
    ...(run.streaming ? [semantic('--streaming', true, field('streaming'))] : []),
    located('--output_csv', `{output}/${run.name}.csv`),
    execution('--log_level', 'info'),
  ]);
}

const onGpus = (...argument: string[]): CommandTemplate => ({
  program: ['nvidia-smi', '-i', '{gpus}', ...argument],
  flags: [],
  unsupported: [],
});

/**
 * Every step of a benchmark, in order. The runs come one after the other on the same leased GPUs; their clocks are given back
 * whatever becomes of the runs.
 */
export function planBenchmark(spec: BenchmarkSpec): FixedStep[] {
  const { gpuClass, workloads, runs, lockClocks, engine } = spec;
  const gpus = worldSizeOf(engine);
  const onQueue = { queue: gpuTaskQueue(gpuClass, gpus), gpus };
  const hasClocks = lockClocks && gpuClass !== 'cpu';
  const lock: FixedStep = {
    name: 'lock-clocks',
    ...onQueue,
    reads: [],
    commands: [
      onGpus('--query-gpu=clocks.max.graphics,clocks.max.memory', '--format=csv,noheader'),
      onGpus('-lgc', '{maximumGraphicsClock}'),
      onGpus('-lmc', '{maximumMemoryClock}'),
    ],
  };
  return [
    { name: 'model', queue: CPU_TASK_QUEUE, gpus: 0, reads: [], commands: [] },
    {
      name: 'workloads',
      queue: CPU_TASK_QUEUE,
      gpus: 0,
      reads: ['model'],
      commands: workloads.map((workload) => workloadCommand(spec, workload)),
    },
    ...(hasClocks ? [lock] : []),
    ...runs.map((run) => ({
      name: `run-${run.name}`,
      ...onQueue,
      reads: ['workloads'],
      commands: [runCommand(spec, run)],
    })),
    ...(hasClocks ? [{ name: 'reset-clocks', ...onQueue, reads: [], commands: [onGpus('-rgc'), onGpus('-rmc')] }] : []),
  ];
}

function* duplicates(field: string, named: readonly { name: string }[]): Generator<SpecProblem> {
  const seen = new Set<string>();
  for (const [index, { name }] of named.entries()) {
    if (seen.has(name)) yield { field: `${field}.${index}.name`, problem: `"${name}" comes twice: each has its own` };
    seen.add(name);
  }
}

function* runProblems(run: Run, index: number, workloads: readonly Workload[]): Generator<SpecProblem> {
  const field = (name: keyof Run): string => `runs.${index}.${name}`;
  const workload = workloads.find(({ name }) => name === run.workload);
  if (workload === undefined) {
    const known = workloads.map(({ name }) => name).join(', ');
    yield { field: field('workload'), problem: `"${run.workload}" is none of workloads; there are ${known}` };
  } else if (run.samples !== undefined && run.samples > workload.requests) {
    const problem = `${run.samples} is more than the ${workload.requests} requests of ${workload.name}`;
    yield { field: field('samples'), problem };
  }
  if (run.batching === 'static' && run.staticBatchSize === undefined) {
    yield {
      field: field('staticBatchSize'),
      problem: 'is required by batching static: how many requests make a batch',
    };
  }
  for (const name of ['staticBatchSize', 'staticTimeoutMilliseconds'] as const) {
    if (run.batching !== 'static' && run[name] !== undefined) {
      yield { field: field(name), problem: `belongs to batching static, not to ${run.batching}` };
    }
  }
}

/** What the schema cannot say of a benchmark spec, and what its release cannot do. */
export function benchmarkProblems(spec: BenchmarkSpec): SpecProblem[] {
  const { name, gpuClasses, maximumWorldSize } = findRelease(spec.toolchain);
  const ranks = worldSizeOf(spec.engine);
  return [
    ...(gpuClasses.includes(spec.gpuClass)
      ? []
      : [
          {
            field: 'gpuClass',
            problem: `"${spec.gpuClass}" is none of toolchain ${name}; it has ${gpuClasses.join(', ')}`,
          },
        ]),
    ...(ranks <= maximumWorldSize
      ? []
      : [
          {
            field: 'engine.parallelism',
            problem: `is ${ranks} ranks; toolchain ${name} runs at most ${maximumWorldSize}`,
          },
        ]),
    ...duplicates('workloads', spec.workloads),
    ...duplicates('runs', spec.runs),
    ...spec.runs.flatMap((run, index) => [...runProblems(run, index, spec.workloads)]),
    ...unsupportedIn(planBenchmark(spec)),
  ];
}
