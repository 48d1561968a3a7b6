import { posix } from 'node:path';
import type { BenchmarkRun, Course, Dataset } from '../course.js';
import { familyOfName } from '../families.js';
import { type Finding, finding } from '../findings.js';

import { isGiven, numberOf, textOf } from '../tool-call.js';
import type { Drafted } from './deployment.js';
import { given, type SpecComment, type SpecValue } from './draft.js';
import { modelFields, type SpecContext } from './engine-fields.js';
import { distinct, shortModelName, slug } from './names.js';

interface Workload {
  dataset: Dataset;
  name: string;
  value: SpecValue;
}

const label = (text: string): string => slug(text).slice(0, 28).replaceAll(/-+$/g, '') || 'workload';

function lengths(dataset: Dataset, direction: 'input' | 'output'): SpecValue | null {
  const mean = numberOf(dataset.tool, `--${direction}-mean`);
  const deviation = numberOf(dataset.tool, `--${direction}-stdev`) ?? 0;
  return mean === null ? null : given({ mean, standardDeviation: deviation === 0 ? undefined : deviation });
}

/** The dataset that a run reads, or, where nothing writes that, the one that was made for it: the last one before. */
const datasetOf = ({ dataset, tool }: BenchmarkRun, { datasets }: Course): Dataset | undefined =>
  dataset ?? datasets.findLast((candidate) => candidate.tool.call.line < tool.call.line);

function workloadsOf(runs: readonly BenchmarkRun[], course: Course): Workload[] {
  const read = new Map<Dataset, string>();
  for (const run of runs) {
    const dataset = datasetOf(run, course);
    const path = run.datasetPath ?? dataset?.path ?? 'workload';
    if (dataset !== undefined && !read.has(dataset)) read.set(dataset, label(posix.basename(path, '.json')));
  }
  const names = distinct([...read.values()]);
  return [...read.keys()].flatMap((dataset, index) => {
    const [input, output] = [lengths(dataset, 'input'), lengths(dataset, 'output')];
    const requests = numberOf(dataset.tool, '--num-requests');
    const name = names[index] ?? 'workload';
    if (input === null || output === null || requests === null) return [];
    return [{ dataset, name, value: { name, requests, inputTokens: input, outputTokens: output } }];
  });
}

function runFields(run: BenchmarkRun, name: string, workload: string): SpecValue {
  const { tool } = run;
  const staticBatchSize = numberOf(tool, '--static_emulated_batch_size');
  const timeout = numberOf(tool, '--static_emulated_timeout');
  const rate = numberOf(tool, '--request_rate');
  return given({
    name,
    workload,
    batching: batchingOf(run),
    requestsPerSecond: rate === null || rate <= 0 ? undefined : rate,
    samples: isGiven(tool, '--max_num_samples') ? (numberOf(tool, '--max_num_samples') ?? undefined) : undefined,
    staticBatchSize: staticBatchSize ?? undefined,
    staticTimeoutMilliseconds: staticBatchSize === null ? undefined : (timeout ?? undefined),
    streaming: isGiven(tool, '--streaming') && textOf(tool, '--streaming') !== 'false' ? true : undefined,
  });
}

const batchingOf = ({ tool }: BenchmarkRun): 'inflight' | 'v1' | 'static' => {
  if (numberOf(tool, '--static_emulated_batch_size') !== null) return 'static';
  return textOf(tool, '--type') === 'V1' ? 'v1' : 'inflight';
};

/** Runs of gptManagerBenchmark with one engine, as one benchmark. */
export function draftBenchmark(runs: readonly BenchmarkRun[], course: Course, context: SpecContext): Drafted {
  const [first] = runs;
  if (first === undefined) return { draft: null, findings: [] };
  const { line } = first.tool.call;
  const workloads = workloadsOf(runs, course);
  const engine = course.engines.findLast(({ directory }) => directory === first.engine);
  const [workload] = workloads;
  const tokenizer = workload === undefined ? null : textOf(workload.dataset.tool, '--tokenizer');
  const path = tokenizer ?? engine?.checkpoint.model ?? posix.dirname(first.engine);
  const at = {
    model: path,
    family: familyOfName(path).family ?? 'llama',
    line: workload?.dataset.tool.call.line ?? line,
  };
  const model = modelFields({ ...at, field: '--tokenizer' }, context);
  const findings: Finding[] = [...model.findings];
  if (workload === undefined) {
    findings.push(
      finding('not-a-spec', {
        line,
        field: 'workloads',
        message: 'no prepare_dataset.py makes the requests of this benchmark, so there is no spec for it',
        fix: 'Add the call of prepare_dataset.py token-norm-dist that makes its dataset.',
      }),
    );
  }
  if (model.fields === null || workload === undefined) return { draft: null, findings };
  const known = runs.flatMap((run) => {
    const read = workloads.find(({ dataset }) => dataset === datasetOf(run, course));
    return read === undefined ? [] : [{ run, workload: read.name }];
  });
  const isAlone = workloads.length === 1;
  const names = distinct(known.map((one) => label(`${batchingOf(one.run)}${isAlone ? '' : `-${one.workload}`}`)));
  const tensor = (engine?.checkpoint.tensor ?? first.tool.call.ranks ?? 1) * (engine?.checkpoint.pipeline ?? 1);
  const locks = course.others.some(
    ({ program, arguments: words }) =>
      program === 'nvidia-smi' && words.some(({ text }) => /^(?:-lgc|-lmc|--lock-)/.test(text ?? '')),
  );
  const comments: SpecComment[] = [
    ...model.fields.comments,
    { path: ['gpuClass'], text: 'ours: name the one that the engine was built for' },
  ];
  const value = {
    apiVersion: 'enginesmith/v1',
    kind: 'benchmark',
    name: slug(`${shortModelName(path)}-benchmark`),
    ...model.fields.value,
    toolchain: context.toolchain,
    gpuClass: 'sm80',
    engine: given({
      directory: first.engine,
      parallelism: tensor === 1 ? undefined : given({ tensor }),
    }),
    workloads: workloads.map(({ value: fields }) => fields),
    runs: known.map((one, index) => runFields(one.run, names[index] ?? 'run', one.workload)),
    ...given({ lockClocks: locks ? undefined : false }),
  };
  return { draft: { kind: 'benchmark', heading: [], value, comments, origins: new Map(), line }, findings };
}
