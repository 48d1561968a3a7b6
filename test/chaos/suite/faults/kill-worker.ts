import type { Client } from '@temporalio/client';
import { isSame } from '../../../support/catch-activities.js';
import { type PendingActivity, pendingWork } from '../../../support/executions.js';
import { arrest } from '../arrest.js';
import { attemptProof, nextAttempts, recoveryOf } from '../attempts.js';
import type { Fault } from '../fault.js';

/** SIGKILL of the worker that has the step in hand. Another one starts on its host at once, as under any supervisor. */
export const killWorker: Fault = {
  async inject(context) {
    const { client, worker } = context.environment;
    const { release } = await arrest(context);
    // What a worker has in hand stays as it is from here on.
    worker.freeze();
    const { activities } = await pendingWork(client);
    const victims = activities.filter(({ type, started }) => started && type !== 'superviseRevision');
    const atMs = Date.now();
    const killed = await worker.kill();
    await worker.start();
    const attempts = await nextAttempts(client, victims);
    await release();
    return {
      recoverySeconds: recoveryOf(atMs, attempts),
      proof: async () =>
        killed?.signal === 'SIGKILL' && victims.some(({ type }) => type === context.step)
          ? attemptProof(attempts, ['WorkerLost', 'HEARTBEAT'])
          : null,
    };
  },
};

/** SIGKILL of one of two workers of a host, and nobody starts another one: heartbeats that stay away tell. */
export const loseWorker: Fault = {
  async inject(context) {
    const { environment } = context;
    const { client, worker } = environment;
    const second = environment.addWorker('second-worker', { roles: 'cpu,gpu,serve' });
    await second.start();
    const { caught, release } = await arrest(context);
    const victims = caught.filter(({ workerIdentity }) => workerIdentity === caught[0]?.workerIdentity);
    // A worker's identity is `<host>_<pid>_…`.
    const pid = Number(/_(\d+)_/.exec(victims[0]?.workerIdentity ?? '')?.[1]);
    const lost = [worker, second].find((part) => part.pid === pid);
    if (lost === undefined) throw new Error(`no worker has pid ${pid}`);
    const atMs = Date.now();
    const killed = await lost.kill();
    const attempts = await nextAttempts(client, await unfinished(client, victims));
    await release();
    // What there is afterwards is compared with what there was before.
    await lost.start();
    await second.end();
    return {
      recoverySeconds: recoveryOf(atMs, attempts),
      proof: async () =>
        killed?.signal === 'SIGKILL' ? attemptProof(attempts, ['HEARTBEAT', 'START_TO_CLOSE']) : null,
    };
  },
};

/** SIGTERM of the worker and a new one, as a deploy of the service does it. */
export const deployWorker: Fault = {
  async inject(context) {
    const { client, worker } = context.environment;
    const { caught, release } = await arrest(context);
    const atMs = Date.now();
    worker.thaw();
    const ended = await worker.end();
    await worker.start();
    const attempts = await nextAttempts(client, await unfinished(client, caught));
    await release();
    return {
      recoverySeconds: recoveryOf(atMs, attempts),
      proof: async () => (ended?.exitCode === 0 ? attemptProof(attempts, ['WorkerShutdown']) : null),
    };
  },
};

/** Without those that came to their end before the worker did. */
async function unfinished(client: Client, caught: readonly PendingActivity[]): Promise<PendingActivity[]> {
  const { activities } = await pendingWork(client);
  return caught.filter((victim) => activities.some((activity) => isSame(activity, victim)));
}
