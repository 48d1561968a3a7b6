import type { Spec } from '../contracts/spec.js';
import type { ModelFamily } from '../contracts/spec-fields.js';
import { type Doubt, isDoubtful } from './doubts.js';
import type { Finding } from './findings.js';
import type { ProgramCall } from './programs.js';
import type { ToolCall } from './tool-call.js';

/** A checkpoint that the script makes: by quantize.py, or by a converter. */
export interface Checkpoint {
  tool: ToolCall;
  directory: string;
  /** Of the Hugging Face model; null where it is unknown. */
  model: string | null;
  family: ModelFamily;
  /** Null where it is not known, or no spec has it. */
  format: Spec['quantization']['format'] | null;
  dtype: Spec['quantization']['dtype'];
  kvCache: Spec['quantization']['kvCache'];
  tensor: number;
  pipeline: number;
  doubts: readonly Doubt[];
  /** What keeps it from being said in a spec. */
  obstacles: readonly Finding[];
}

/** What can be said in a spec. */
export type KnownCheckpoint = Checkpoint & { format: Spec['quantization']['format'] };

/** An engine that the script builds, and what it does with it afterwards. */
export interface Engine {
  tool: ToolCall;
  directory: string;
  checkpoint: Checkpoint;
  maxBatchSize: number;
  maxInputTokens: number;
  maxOutputTokens: number;
  doubts: readonly Doubt[];
  /** `summarize.py` and `run.py` with it. */
  evaluations: ToolCall[];
  served: ModelRepository | null;
  /** `qwenvl/run.py` with it. */
  question: ToolCall | null;
}

export type KnownEngine = Engine & { checkpoint: KnownCheckpoint };

/** Whether a spec can say what the engine is made of. */
export const hasSpec = (engine: Engine): engine is KnownEngine =>
  engine.checkpoint.format !== null && engine.checkpoint.obstacles.length === 0;

/** Whether it is known for how many ranks it is made. */
export const isSplitKnown = ({ doubts }: Checkpoint): boolean => !isDoubtful(doubts, 'parallelism');

/** One call of fill_template.py. */
export interface TemplateFill {
  call: ProgramCall;
  /** The folder of the config.pbtxt: tensorrt_llm, preprocessing … */
  model: string;
  values: ReadonlyMap<string, string | null>;
  /** Values that are too late: what they would fill is filled already, with another value. */
  ignored: Map<string, string>;
  /** Where its substitutions stand. */
  line: number;
}

/** Triton's model repository, as fill_template.py has filled it so far. */
export interface ModelRepository {
  directory: string;
  fills: TemplateFill[];
  engine: Engine | null;
  launches: (ToolCall | ProgramCall)[];
}

/** Triton, started on a repository that nothing has filled while another one was. */
export interface UnfilledLaunch {
  directory: string;
  filled: string;
  line: number;
}

/** A dataset that prepare_dataset.py writes. */
export interface Dataset {
  tool: ToolCall;
  path: string;
}

/** A run of gptManagerBenchmark. */
export interface BenchmarkRun {
  tool: ToolCall;
  engine: string;
  /** What it reads, as last written before; null where nothing has written it. */
  dataset: Dataset | null;
  datasetPath: string | null;
}

/** What a script does, in its order. */
export interface Course {
  tools: readonly ToolCall[];
  others: readonly ProgramCall[];
  checkpoints: readonly Checkpoint[];
  engines: readonly Engine[];
  repositories: readonly ModelRepository[];
  unfilledLaunches: readonly UnfilledLaunch[];
  datasets: readonly Dataset[];
  benchmarks: readonly BenchmarkRun[];
  visionBuilds: readonly ToolCall[];
  /** Uses of what the script has not made before. */
  unmade: readonly { kind: 'checkpoint' | 'engine'; path: string; tool: ToolCall | ProgramCall; line: number }[];
}

/** What Qwen-VL makes of one picture, in tokens. */
export const PICTURE_TOKENS = 256;

export const worldSizeOf = ({ checkpoint: { tensor, pipeline } }: Pick<Engine, 'checkpoint'>): number =>
  tensor * pipeline;
