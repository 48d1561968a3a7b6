import { Connection } from '@temporalio/client';
import { msToTs } from '@temporalio/common/lib/time.js';
import { CPU_TASK_QUEUE, serveTaskQueue, WORKFLOW_TASK_QUEUE } from '../../contracts/task-queues.js';

/** Of `temporal.api.enums.v1.TaskQueueType`. */
const taskQueueTypes = { workflow: 1, activity: 2 } as const;

async function withConnection<Result>(
  address: string,
  ask: (connection: Connection) => Promise<Result>,
): Promise<Result> {
  const connection = await Connection.connect({ address, connectTimeout: '2s' });
  try {
    return await ask(connection);
  } finally {
    await connection.close();
  }
}

/** Whether the server answers and has its default namespace. */
export const temporalAnswers = (address: string): Promise<boolean> =>
  withConnection(address, async ({ workflowService }) => {
    await workflowService.describeNamespace({ namespace: 'default' });
    return true;
  });

/** The development server forgets what has ended after a day; `resume`, `why` and `evidence` are asked for later. */
const KEPT_DAYS = 90;

/** Has the server keep the histories of pipelines that have ended. */
export const keepHistories = (address: string): Promise<unknown> =>
  withConnection(address, ({ workflowService }) =>
    workflowService.updateNamespace({
      namespace: 'default',
      config: { workflowExecutionRetentionTtl: msToTs(`${KEPT_DAYS}d`) },
    }),
  );

/** Whether the Hub answers at all: a mirror listens only after it has hashed its files. */
export const hubAnswers = async (endpoint: string): Promise<boolean> => {
  const response = await fetch(endpoint, { signal: AbortSignal.timeout(2_000) });
  await response.body?.cancel();
  return true;
};

/** Whether the evidence server lists its store. */
export const evidenceAnswers = async (port: number): Promise<boolean> => {
  const response = await fetch(`http://127.0.0.1:${port}/`, { method: 'HEAD', signal: AbortSignal.timeout(5_000) });
  return response.ok;
};

/** Whether a worker of this host polls for workflows, for steps and for deployments. A new server knows no old pollers. */
export const workersPoll = (address: string, host: string): Promise<boolean> =>
  withConnection(address, async ({ workflowService }) => {
    const queues = [
      { name: WORKFLOW_TASK_QUEUE, taskQueueType: taskQueueTypes.workflow },
      { name: CPU_TASK_QUEUE, taskQueueType: taskQueueTypes.activity },
      { name: serveTaskQueue(host), taskQueueType: taskQueueTypes.activity },
    ];
    for (const { name, taskQueueType } of queues) {
      const request = { namespace: 'default', taskQueue: { name }, taskQueueType };
      const { pollers } = await workflowService.describeTaskQueue(request);
      if (pollers.length === 0) return false;
    }
    return true;
  });
