import type { GpuDevice } from './gpus/device.js';
import type { JobKind } from './process/job-records.js';
import type { JobOutcome, StartOptions } from './process/job-runner.js';

/** A tool as a step means it, wherever it runs. */
export interface ToolRequest {
  jobId: string;
  /** Paths are those of the toolchain and of this host. */
  argv: readonly string[];
  kind: JobKind;
  /** The leased devices: it sees these and no others. @default none */
  gpus?: readonly GpuDevice[];
  /** What belongs to the attempt: private cache directories, the Hub. @default none */
  variables?: Record<string, string>;
  /** Private to the attempt: the only place where it may write. */
  workingDirectory: string;
  /** What it reads. @default nothing */
  inputs?: readonly string[];
  /** clients: it listens on ports of this host. hub: it may ask the Hub. @default nothing */
  reaches?: 'clients' | 'hub' | 'nothing';
}

/** What the job runner is given for it. */
export type LaunchedTool = Pick<
  StartOptions,
  'jobId' | 'argv' | 'environment' | 'workingDirectory' | 'kind' | 'endCommand' | 'gpus'
>;

/** Where a toolchain's programs run: on this host, or in containers. */
export interface ToolLauncher {
  /** The job of a tool. The same request gives the same argv, so that a later attempt adopts the run. */
  launch(request: ToolRequest): LaunchedTool;
  /** Looks for a reason why a tool that failed never got to run. @throws EnginesmithFailure ToolMissing, PrerequisiteMissing */
  explainFailure(argv: readonly string[], outcome: JobOutcome): Promise<void>;
  /** The pids of a job's tool where it works: the job's own, or those in its container. @param ofJob as `JobRunner.processesOf` */
  processesOf(jobId: string, ofJob: readonly number[]): Promise<readonly number[]>;
  /**
   * Ends what workers that were killed have left running outside of any job. Call at start.
   * @param isRunning whether a job runs, under its supervisor
   * @returns the ids of the jobs it belonged to
   */
  sweep(isRunning: (jobId: string) => Promise<boolean>): Promise<string[]>;
}
