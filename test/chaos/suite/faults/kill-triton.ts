import type { PipelineResult } from '../../../../src/contracts/pipeline.js';
import { sendSignal } from '../../../../src/platform/process/kill-session.js';
import { finishedActivities, pendingWork } from '../../../support/executions.js';
import { processesNaming } from '../../../support/processes.js';
import { until } from '../../../support/until.js';
import { arrest } from '../arrest.js';
import { type Fault, type FaultContext, secondsSince } from '../fault.js';
import { untilHistoryGoesOn } from '../progress.js';

const tritons = ({ environment: { home } }: FaultContext): number[] =>
  processesNaming(home)
    .filter(({ command }) => /tritonserver --/.test(command))
    .map(({ pid }) => pid);

/** SIGKILL of a candidate's Triton: what has not proved itself is not started again, and never serves. */
export const killCandidate: Fault = {
  async inject(context) {
    const { release } = await arrest(context);
    const pids = tritons(context);
    const atMs = Date.now();
    for (const pid of pids) sendSignal(pid, 'SIGKILL');
    await release();
    return {
      recoverySeconds: await untilHistoryGoesOn({ ...context, workflowId: `deployment/${context.deployment}` }, atMs),
      proof: async () => (pids.length > 0 ? `tritonserver ${pids.join(', ')} ended by SIGKILL` : null),
    };
  },
};

/** SIGKILL of the Triton that serves: its deployment starts it again. */
export const killServing: Fault = {
  async inject(context) {
    const { client } = context.environment;
    await context.start();
    const { verdict }: PipelineResult = await client.workflow.result(context.workflowId);
    await until('supervision', async () => {
      const { activities } = await pendingWork(client);
      return activities.find(({ type, started }) => type === context.step && started);
    });
    const pids = tritons(context);
    const atMs = Date.now();
    for (const pid of pids) sendSignal(pid, 'SIGKILL');
    const started = await until('another Triton that serves', async () => {
      const activities = await finishedActivities(client, `deployment/${context.deployment}`);
      const { activities: pending } = await pendingWork(client);
      const again = activities.filter(({ type, completions }) => type === 'startRevision' && completions > 0)[1];
      return pending.some(({ type, started: watched }) => type === context.step && watched) ? again : undefined;
    });
    return {
      recoverySeconds: secondsSince(atMs, started.startedAtMs),
      mayRepeat: ['startRevision', 'fill_template.py'],
      problems: verdict === 'DEPLOYED' && tritons(context).length > 0 ? [] : ['nothing serves'],
      proof: async () => `tritonserver ${pids.join(', ')} ended by SIGKILL; startRevision scheduled again`,
    };
  },
};
