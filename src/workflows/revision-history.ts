import { ApplicationFailure } from '@temporalio/workflow';
import type { DeployedRevision, DeploymentState, RevisionDescription } from '../contracts/deployment.js';

/** Revisions that the history keeps; older ones are in the Temporal histories of their pipelines. */
const KEPT_REVISIONS = 10;

/** The revision that has the name, whether it serves or not. */
export const namedRevision = ({ revisions, currentNumber }: DeploymentState): DeployedRevision | null =>
  revisions.find(({ number }) => number === currentNumber) ?? null;

/** Whether two descriptions would start the same Triton. The smoke test and the evidence change nothing about it. */
export const servesTheSame = (left: RevisionDescription, right: RevisionDescription): boolean =>
  left.host === right.host &&
  left.toolchain.identity === right.toolchain.identity &&
  left.engine.digest === right.engine.digest &&
  left.model.digest === right.model.digest &&
  left.servingParameters.digest === right.servingParameters.digest;

/** Adds a revision that took the name, and forgets the oldest ones. */
export function addRevision({ revisions }: DeploymentState, revision: DeployedRevision): void {
  revisions.push(revision);
  revisions.splice(0, revisions.length - KEPT_REVISIONS);
}

/**
 * The revision that a rollback brings back.
 * @param to its number. @default the newest earlier one that differs from what has the name
 * @throws ApplicationFailure `NotFound`, final, with the numbers that there are
 */
export function rollbackTarget(state: DeploymentState, to?: number): DeployedRevision {
  const { name, revisions, currentNumber } = state;
  const kept = revisions.map(({ number }) => number).join(', ') || 'none';
  if (to !== undefined) {
    const asked = revisions.find(({ number }) => number === to);
    if (asked !== undefined) return asked;
    throw notFound(`Deployment ${name} has no revision ${to} in its history: it keeps ${kept}.`);
  }
  const named = namedRevision(state);
  const earlier = revisions.filter(
    ({ number, description }) =>
      number < currentNumber && named !== null && !servesTheSame(description, named.description),
  );
  const newest = earlier.at(-1);
  if (newest !== undefined) return newest;
  throw notFound(
    `Deployment ${name} has nothing to roll back to: no earlier revision differs from revision ${currentNumber} ` +
      `(kept: ${kept}). --to N brings back a certain one.`,
  );
}

const notFound = (message: string): ApplicationFailure => ApplicationFailure.nonRetryable(message, 'NotFound');
