import type { ToolName } from '../toolchains/contracts/contract.js';
import { toolNames } from '../toolchains/contracts/contract.js';
import type { ReleaseNumber } from '../toolchains/contracts/contracts.js';
import type { BenchmarkRun, Checkpoint, Course, Dataset, Engine } from './course.js';
import { copy, fillTemplate, launch, removeRepository, type Serving } from './follow-templates.js';
import type { ProgramCall, ProgramName } from './programs.js';
import { readCheckpoint } from './read-checkpoint.js';
import { readLimits } from './read-limits.js';
import { resolvePath } from './shell/paths.js';
import { parseToolCall, pathOf, type ToolCall } from './tool-call.js';

interface Following extends Serving {
  tools: ToolCall[];
  others: ProgramCall[];
  checkpoints: Checkpoint[];
  engines: Engine[];
  datasets: Dataset[];
  benchmarks: BenchmarkRun[];
  visionBuilds: ToolCall[];
  unmade: Course['unmade'][number][];
  /** What is there at this point of the script, by its path. */
  made: { checkpoints: Map<string, Checkpoint>; engines: Map<string, Engine>; datasets: Map<string, Dataset> };
}

const isTool = (name: ProgramName): name is ToolName => toolNames.some((tool) => tool === name);

function build(tool: ToolCall, state: Following): void {
  const directory = pathOf(tool, '--output_dir');
  const from = pathOf(tool, '--checkpoint_dir');
  const checkpoint = from === null ? undefined : state.made.checkpoints.get(from);
  if (from !== null && checkpoint === undefined) {
    state.unmade.push({ kind: 'checkpoint', path: from, tool, line: tool.call.line });
  }
  if (directory === null || checkpoint === undefined) return;
  const engine: Engine = {
    tool,
    directory,
    checkpoint,
    ...readLimits(tool),
    evaluations: [],
    served: null,
    question: null,
  };
  state.engines.push(engine);
  state.made.engines.set(directory, engine);
}

function engineOf(tool: ToolCall, flag: string, state: Following): Engine | undefined {
  const path = pathOf(tool, flag);
  const engine = path === null ? undefined : state.made.engines.get(path);
  if (path !== null && engine === undefined && state.engines.length > 0) {
    state.unmade.push({ kind: 'engine', path, tool, line: tool.call.line });
  }
  return engine;
}

function benchmark(tool: ToolCall, state: Following): void {
  const engine = pathOf(tool, '--engine_dir');
  const datasetPath = pathOf(tool, '--dataset');
  if (engine === null) return;
  const dataset = datasetPath === null ? undefined : state.made.datasets.get(datasetPath);
  state.benchmarks.push({ tool, engine, dataset: dataset ?? null, datasetPath });
}

const handlers: Partial<Record<ToolName, (tool: ToolCall, state: Following) => void>> = {
  'quantize.py': makeCheckpoint,
  'llama/convert_checkpoint.py': makeCheckpoint,
  'qwen/convert_checkpoint.py': makeCheckpoint,
  'trtllm-build': build,
  'summarize.py': (tool, state) => engineOf(tool, '--engine_dir', state)?.evaluations.push(tool),
  'run.py': (tool, state) => engineOf(tool, '--engine_dir', state)?.evaluations.push(tool),
  'qwenvl/vit_onnx_trt.py': (tool, state) => state.visionBuilds.push(tool),
  'qwenvl/run.py': (tool, state) => {
    const engine = engineOf(tool, '--qwen_engine_dir', state);
    if (engine !== undefined) engine.question = tool;
  },
  gptManagerBenchmark: benchmark,
  'launch_triton_server.py': (tool, state) => launch(tool, pathOf(tool, '--model_repo'), state),
  'prepare_dataset.py token-norm-dist': makeDataset,
  'prepare_dataset.py token-unif-dist': makeDataset,
  'prepare_dataset.py dataset': makeDataset,
};

function makeCheckpoint(tool: ToolCall, state: Following): void {
  const checkpoint = readCheckpoint(tool);
  if (checkpoint === null) return;
  state.checkpoints.push(checkpoint);
  state.made.checkpoints.set(checkpoint.directory, checkpoint);
}

function makeDataset(tool: ToolCall, state: Following): void {
  const path = pathOf(tool, '--output');
  if (path === null) return;
  const dataset = { tool, path };
  state.datasets.push(dataset);
  state.made.datasets.set(path, dataset);
}

/** `rm -r` takes away what was made, and what lies in it. */
function remove({ arguments: words, directory }: ProgramCall, state: Following): void {
  const { made } = state;
  for (const { text } of words.filter((word) => word.text !== null && !word.text.startsWith('-'))) {
    const path = resolvePath(text, directory);
    if (path === null) continue;
    const isGone = (known: string): boolean => known === path || known.startsWith(`${path}/`);
    for (const map of [made.checkpoints, made.engines, made.datasets]) {
      for (const known of [...map.keys()].filter(isGone)) map.delete(known);
    }
    removeRepository(isGone, state);
  }
}

function serverRepository({ arguments: words, directory }: ProgramCall): string | null {
  const option = /^--model-(?:repository|store)(?:=(.*))?$/;
  const index = words.findIndex(({ text }) => option.test(text ?? ''));
  const inWord = option.exec(words[index]?.text ?? '')?.[1];
  return index === -1 ? null : resolvePath(inWord ?? words[index + 1]?.text ?? null, directory);
}

/** Follows a script's programs from what each of them makes to what uses it. */
export function followCourse(calls: readonly ProgramCall[], release: ReleaseNumber): Course {
  const state: Following = {
    tools: [],
    others: [],
    checkpoints: [],
    engines: [],
    repositories: [],
    unfilledLaunches: [],
    datasets: [],
    benchmarks: [],
    visionBuilds: [],
    unmade: [],
    made: { checkpoints: new Map(), engines: new Map(), datasets: new Map() },
  };
  for (const call of calls) {
    const { program } = call;
    const tool = isTool(program) ? parseToolCall(call, program, release) : null;
    if (tool === null) {
      state.others.push(call);
      if (program === 'fill_template.py' || program === 'sed') {
        const unbuilt = fillTemplate(call, state, (path) => state.made.engines.get(path));
        if (unbuilt !== null) state.unmade.push({ kind: 'engine', tool: call, ...unbuilt });
      } else if (program === 'cp') copy(call, state);
      else if (program === 'rm') remove(call, state);
      else if (program === 'tritonserver') launch(call, serverRepository(call), state);
      continue;
    }
    state.tools.push(tool);
    handlers[tool.tool]?.(tool, state);
  }
  return { ...state, repositories: state.repositories.filter(({ fills }) => fills.length > 0) };
}
