import type { Client } from '@temporalio/client';
import { isSame } from '../../support/catch-activities.js';
import {
  type AttemptFailure,
  finishedActivities,
  type PendingActivity,
  pendingWork,
} from '../../support/executions.js';
import { until } from '../../support/until.js';
import { secondsSince } from './fault.js';

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

async function nextAttempt(client: Client, victim: PendingActivity): Promise<NextAttempt | undefined> {
  const { activities } = await pendingWork(client);
  const pending = activities.find((activity) => isSame(activity, victim));
  const found = pending?.started
    ? pending
    : (await finishedActivities(client, victim.workflowId)).find((activity) => isSame(activity, victim));
  if (found === undefined || found.attempt <= victim.attempt || found.startedAtMs === undefined) return undefined;
  const { type, attempt, startedAtMs, lastFailure } = found;
  return { type, attempt, startedAtMs, lastFailure };
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
