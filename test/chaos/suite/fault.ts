import type { SpecInput } from '../../../src/contracts/spec.js';
import type { ChaosEnvironment, ChaosOptions } from '../../support/chaos-environment.js';

/** What a fault works with: an environment in which everything runs, and a pipeline that is not started yet. */
export interface FaultContext {
  environment: ChaosEnvironment;
  /** Activity in whose middle the fault is injected. */
  step: string;
  /** Of the pipeline and of its deployment. */
  workflowId: string;
  deployment: string;
  /** Starts the pipeline. */
  start(): Promise<void>;
}

/** A fault that was injected, and that the pipeline went on from, or ended by. */
export interface Injected {
  /** Seconds from the fault to the next attempt's start, or to whatever stands for it: `docs/chaos.md` says what for each. */
  recoverySeconds: number | null;
  /** What shows, after the end, that the fault happened; null fails the row. */
  proof(): Promise<string | null>;
  /** What was wrong while it happened. */
  problems?: string[];
  /** Ends what the fault has added and deployments may need until they are stopped. */
  dismiss?: () => Promise<unknown>;
  /** Activities and programs that are there to be done again after this fault. */
  mayRepeat?: string[];
  /** What this fault leaves for a later pipeline, as lines of `differences`. */
  mayLeave?: RegExp | undefined;
}

/** One kind of fault. Everything that it does, it does from outside of the service. */
export interface Fault {
  /** What the environment needs beyond the usual. */
  environment?: ChaosOptions;
  /** Another spec than the tiny one. */
  spec?: (name: string) => SpecInput;
  inject(context: FaultContext): Promise<Injected>;
}

export const secondsSince = (atMs: number, laterMs: number = Date.now()): number =>
  Math.max(0, Math.round((laterMs - atMs) / 100) / 10);
