import { ApplicationFailure } from '@temporalio/workflow';
import type { Borrower, DeploymentState, Yielded, YieldRequest } from '../contracts/deployment.js';

const mayYield: ReadonlySet<DeploymentState['status']> = new Set(['serving', 'restarting', 'yielded']);

/**
 * One that is starting again may as well: what it was asked before it fell, it is not asked again.
 * @throws ApplicationFailure final, where nothing serves, or what serves is not what the pipeline would replace
 */
export function assertMayYield(
  { name, currentNumber, status }: DeploymentState,
  { expectedRevision }: YieldRequest,
): void {
  if (mayYield.has(status) && currentNumber === expectedRevision) return;
  throw ApplicationFailure.nonRetryable(
    `deployment ${name} is ${status} at revision ${currentNumber}: it does not yield to a pipeline that was admitted when ` +
      `it was at ${expectedRevision}.`,
    'StalePromotion',
  );
}

/** What a deployment has yielded to, with one more run. It is as long down as since the first one. */
export function withBorrower(yielded: Yielded | undefined, { pipeline, runId }: Borrower): Yielded {
  const { to, since } = yielded ?? { to: [], since: new Date().toISOString() };
  return { to: [...to.filter((other) => other.runId !== runId), { pipeline, runId }], since };
}
