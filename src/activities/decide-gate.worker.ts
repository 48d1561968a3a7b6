import { EnginesmithFailure, type FailureContext, type FailureType } from '../contracts/failures.js';
import type { GateEvidence } from '../contracts/gate.js';
import { type EvaluateGateInput, evaluateGate } from '../gate/evaluate.js';
import { renderEvidencePage } from '../gate/evidence-page/evidence-page.js';

/** What a gate decided, and the page about it. */
export interface DecidedGate {
  evidence: GateEvidence;
  page: string;
}

/** A class does not survive the way out of a thread: a failure leaves as what it is made of. */
export type GateTaskResult =
  | { decided: DecidedGate }
  | { failure: { type: FailureType; message: string; context: FailureContext } };

export default function decide(input: EvaluateGateInput): GateTaskResult {
  try {
    const evidence = evaluateGate(input);
    return { decided: { evidence, page: renderEvidencePage(evidence) } };
  } catch (failure) {
    if (!(failure instanceof EnginesmithFailure)) throw failure;
    const { type, message, context } = failure;
    return { failure: { type, message, context } };
  }
}
