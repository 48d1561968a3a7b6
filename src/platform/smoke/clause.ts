import { EnginesmithFailure } from '../../contracts/failures.js';
import type { SmokeClause, SmokeReport } from '../../contracts/smoke.js';
import type { Spec } from '../../contracts/spec.js';
import type { TritonClient } from '../triton/client.js';
import type { Asker } from './ask.js';

/** A revision that is served, and what it was made for. */
export interface Served {
  client: TritonClient;
  /** Where the server publishes its metrics, as in `http://127.0.0.1:8002/metrics`. */
  metricsUrl: string;
  /** Every model that must be ready. */
  models: readonly string[];
  /** Prompts, lengths and deadlines. */
  smoke: Spec['smoke'];
  /** What the engine was built for: beyond it, a request must be refused. */
  limits: {
    maxInputTokens: number;
    maxOutputTokens: number;
    /** What a prompt is held to; from v0.11 on that is not `maxInputTokens`. */
    maxPromptTokens: number;
  };
  /** Whether the release's BLS model ends the stream of a client that went away. */
  blsHeedsCancellation: boolean;
  /** How long the models may take to be ready, from now on. */
  readyDeadlineMs: number;
  /** Whether the server's process still runs. */
  stillAlive: () => boolean | Promise<boolean>;
}

/** What every clause works with. */
export interface ClauseContext extends Served, Asker {
  /** Aborted when the contract is given up or takes too long. */
  signal: AbortSignal;
}

/** What a clause that is kept has to say. */
export interface Kept {
  /** One sentence. */
  seen: string;
  /** What clients should know, though it breaks nothing. */
  notice?: string;
  /** What the report says of the whole contract. */
  measured?: Partial<SmokeReport>;
}

/** One promise of the contract: a row of the table in contract.ts. */
export interface Clause {
  name: SmokeClause;
  /** @throws ClauseBroken where the revision does not keep it */
  run(context: ClauseContext): Promise<Kept>;
}

export interface Fault {
  model: string;
  /** What was seen, as the rest of a sentence about the model: "answered nothing". */
  seen: string;
  /** What to do about it, in a sentence. */
  advice: string;
  cause?: unknown;
}

/** How a clause says that it is broken; the contract adds which one it is. */
export class ClauseBroken extends Error {
  constructor(readonly fault: Fault) {
    super(`${fault.model} ${fault.seen}`, { cause: fault.cause });
  }
}

/** What stands in messages of a text that a model wrote. */
export const quoted = (text: string): string => JSON.stringify(text.length > 200 ? `${text.slice(0, 200)}…` : text);

/** A `SmokeTestFailed` that names the clause, what was seen and what to do. */
export const clauseFailure = (
  clause: SmokeClause,
  url: string,
  { model, seen, advice, cause }: Fault,
): EnginesmithFailure =>
  new EnginesmithFailure(
    'SmokeTestFailed',
    `Smoke test, ${clause}: ${model} at ${url} ${seen}. ${advice} The name stays with its old revision; see the ` +
      'candidate’s Triton log.',
    { context: { clause, model, url, seen }, ...(cause !== undefined && { cause }) },
  );
