import type { Client } from '@temporalio/client';
import { isSame } from '../../support/catch-activities.js';
import {
  type AttemptFailure,
  finishedActivities,
  type PendingActivity,
  pendingWork,
} from '../../support/executions.js';
import { until } from '../../support/until.js';
import { type FaultContext, secondsSince } from './fault.js';

/** The attempt after one that a fault ended. */
interface NextAttempt {
  type: string;
  attempt: number;
  startedAtMs: number;
  lastFailure: AttemptFailure | undefined;
}

/** Waits until each activity has been taken up again. */
export const nextAttempts = (client: Client, victims: readonly PendingActivity[]): Promise<NextAttempt[]> =>
  Promise.all(
    victims.map((victim) => until(`a next attempt at ${victim.type}`, async () => nextAttempt(client, victim))),
  );

/**
 * Waits until so many of the step's activities have been taken up again, whichever they are: candidate and baseline run
 * side by side, and a process that was killed does not say whose it was.
 */
export const secondAttempts = (
  { environment: { client }, step, workflowId }: FaultContext,
  count: number,
): Promise<NextAttempt[]> =>
  until(`${count} more attempts at ${step}`, async () => {
    const { activities } = await pendingWork(client);
    const all = [...activities.filter(({ started }) => started), ...(await finishedActivities(client, workflowId))];
    const again = all.filter((activity) => activity.type === step && activity.attempt > 1).flatMap(started);
    return again.length < count ? undefined : again;
  });

const started = ({
  type,
  attempt,
  startedAtMs,
  lastFailure,
}: Omit<NextAttempt, 'startedAtMs'> & { startedAtMs: number | undefined }): NextAttempt[] =>
  startedAtMs === undefined ? [] : [{ type, attempt, startedAtMs, lastFailure }];

async function nextAttempt(client: Client, victim: PendingActivity): Promise<NextAttempt | undefined> {
  const { activities } = await pendingWork(client);
  const pending = activities.find((activity) => isSame(activity, victim));
  const found = pending?.started
    ? pending
    : (await finishedActivities(client, victim.workflowId)).find((activity) => isSame(activity, victim));
  return found === undefined || found.attempt <= victim.attempt ? undefined : started(found)[0];
}

/** Seconds until the last of them was taken up. */
export const recoveryOf = (atMs: number, attempts: readonly NextAttempt[]): number =>
  secondsSince(atMs, Math.max(...attempts.map(({ startedAtMs }) => startedAtMs)));

/** What history says that they followed, for a row that shows something else than it should. */
export const unexpected = (attempts: readonly NextAttempt[]): string[] =>
  attempts.map(
    ({ type, attempt, lastFailure }) =>
      `${type} attempt ${attempt} followed ${lastFailure?.type}: ${lastFailure?.message.slice(0, 300)}`,
  );

/**
 * As history has it: every attempt was followed by another one, because of a failure of one of these types.
 * @param says what its message must hold
 */
export function attemptProof(
  attempts: readonly NextAttempt[],
  types: readonly string[],
  says: RegExp = /(?:)/,
): string | null {
  const shown = attempts.map(({ type, attempt, lastFailure }) =>
    lastFailure !== undefined && types.includes(lastFailure.type) && says.test(lastFailure.message)
      ? `${type} attempt ${attempt} after ${lastFailure.type}${saidBy(lastFailure, says)}`
      : undefined,
  );
  return shown.length > 0 && shown.every((each) => each !== undefined) ? [...new Set(shown)].join('; ') : null;
}

function saidBy({ message }: AttemptFailure, says: RegExp): string {
  const said = says.exec(message)?.[0] ?? '';
  return said === '' ? '' : ` (${said})`;
}
