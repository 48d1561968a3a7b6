import { type SmokeReport, smokeReport } from '../../contracts/smoke.js';
import { createAsker } from './ask.js';
import { type Clause, ClauseBroken, type ClauseContext, clauseFailure, type Kept, type Served } from './clause.js';
import { cancelledStreamStops } from './clauses/cancelled-stream-stops.js';
import { concurrentStreams } from './clauses/concurrent-streams.js';
import { lengthLimits } from './clauses/length-limits.js';
import { modelsReady } from './clauses/models-ready.js';
import { refusesBadRequest } from './clauses/refuses-bad-request.js';
import { sameTextUnstreamed } from './clauses/same-text-unstreamed.js';
import { streams } from './clauses/streams.js';
import { wholeCharacterStreams } from './clauses/whole-characters.js';

export interface SmokeContractOptions extends Served {
  /** Starts the id of every request: unique to this run, as a stop reaches all requests of an id. */
  requestId: string;
  signal?: AbortSignal;
}

/** In the order in which they are tried: those that others build on come first. */
const clauses: readonly Clause[] = [
  modelsReady,
  streams,
  wholeCharacterStreams,
  sameTextUnstreamed,
  lengthLimits,
  refusesBadRequest,
  concurrentStreams,
  cancelledStreamStops,
];

/** Of the whole contract, whatever the deadlines of its answers add up to. */
const LONGEST_CONTRACT_MS = 70 * 60_000;

/**
 * Asks a revision as clients would, and worse, before it takes its name: every clause of the contract, one after the other.
 *
 * @throws SmokeTestFailed that names the first clause that is broken, what was seen and what to do; an aborted signal
 * throws its reason
 */
export async function runSmokeContract(options: SmokeContractOptions): Promise<SmokeReport> {
  const { requestId, signal: cancelled, ...served } = options;
  const tooLong = AbortSignal.timeout(LONGEST_CONTRACT_MS);
  const signal = cancelled ? AbortSignal.any([cancelled, tooLong]) : tooLong;
  const asker = createAsker(served, { requestId, signal });
  const kept: NonNullable<SmokeReport['clauses']> = [];
  let measured: Partial<SmokeReport> = {};
  for (const clause of clauses) {
    const startedAt = performance.now();
    const context = { ...served, ...asker, signal };
    const { measured: facts, ...said } = await runClause(clause, context, cancelled);
    measured = { ...measured, ...facts };
    kept.push({ name: clause.name, ...said, durationMs: performance.now() - startedAt });
  }
  return smokeReport.parse({
    schema: 'enginesmith/smoke-report/v2',
    models: [...served.models],
    prompt: served.smoke.prompt,
    ...measured,
    clauses: kept,
  });
}

/** Every way in which a clause ends but well is a failure of that clause, unless the caller gave up. */
async function runClause({ name, run }: Clause, context: ClauseContext, cancelled?: AbortSignal): Promise<Kept> {
  try {
    return await run(context);
  } catch (error) {
    cancelled?.throwIfAborted();
    if (error instanceof ClauseBroken) throw clauseFailure(name, context.client.url, error.fault);
    const seen = `did not keep up: ${error instanceof Error ? error.message : error}`;
    const advice = 'The server may have ended, or be too slow for the deadlines of the spec.';
    throw clauseFailure(name, context.client.url, { model: 'the server', seen, advice, cause: error });
  }
}
