import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { Client } from '@temporalio/client';
import { type NativeConnection, Worker, type WorkerOptions } from '@temporalio/worker';
import { createActivityDependencies } from './activities/create-dependencies.js';
import type { ActivityDependencies } from './activities/dependencies.js';
import { giveUpLostAttempts } from './activities/give-up-lost-attempts.js';
import { gpuQueues } from './activities/gpu-queues.js';
import { createCpuActivities, createGpuActivities, createServeActivities } from './activities/index.js';
import { createActivityInterceptor } from './activities/interceptor.js';
import { EnginesmithFailure } from './contracts/failures.js';
import { searchAttributes } from './contracts/search-attributes.js';
import { CPU_TASK_QUEUE, serveTaskQueue, WORKFLOW_TASK_QUEUE } from './contracts/task-queues.js';
import { codeLocation } from './platform/code-location.js';
import { readConfiguration, type WorkerRole } from './platform/config.js';
import { dataConverter } from './platform/connection.js';
import { requireSearchAttributes } from './platform/search-attribute-registration.js';
import { newStagingName } from './platform/store/staging-owner.js';
import { installTelemetry } from './platform/telemetry.js';
import { connectWorker } from './platform/worker-connection.js';
import { workflowWorkerOptions } from './platform/worker-versioning.js';

/** Running steps get this long to notice that the worker ends; their tools go on under their supervisors. */
const SHUTDOWN_GRACE = '3s';

/** Beats reach the server this often at least, and a cancellation reaches the activity with the answer: see run-job.ts. */
const HEARTBEAT_THROTTLE = '1s';

/** Enough for the branches of a dozen pipelines; each download and conversion holds a slot. */
const CPU_SLOTS = 16;

/** A compiled service has the bundle that was made with it; from sources, the SDK bundles at start. */
const bundle = join(codeLocation.codeDirectory, 'workflow-bundle.js');
const workflowSource = existsSync(bundle)
  ? { workflowBundle: { codePath: bundle } }
  : { workflowsPath: join(codeLocation.codeDirectory, 'workflows') };

/** The workers of each role, one a task queue. */
type WorkersOf = (dependencies: ActivityDependencies) => Partial<WorkerOptions>[] | Promise<Partial<WorkerOptions>[]>;
const workersOfRole: Record<WorkerRole, WorkersOf> = {
  orchestrator: async ({ configuration }) => [
    { taskQueue: WORKFLOW_TASK_QUEUE, ...(await workflowWorkerOptions(configuration, workflowSource)) },
  ],
  cpu: (dependencies) => [
    {
      taskQueue: CPU_TASK_QUEUE,
      activities: createCpuActivities(dependencies),
      maxConcurrentActivityTaskExecutions: CPU_SLOTS,
    },
  ],
  gpu: (dependencies) =>
    gpuQueues(dependencies.toolchain.devices).map((queue) => ({
      ...queue,
      activities: createGpuActivities(dependencies),
    })),
  serve: (dependencies) => [
    { taskQueue: serveTaskQueue(dependencies.configuration.host), activities: createServeActivities(dependencies) },
  ],
};

/** Tells Temporal, and whoever starts after this process was killed, which process it is. */
const identity = newStagingName();

/** The composition root: configuration → telemetry → connection → roles → run, until SIGTERM or SIGINT. */
async function main(): Promise<void> {
  const configuration = readConfiguration(process.env);
  const logger = installTelemetry(configuration);
  const { connection, namespace } = await connectWorker();
  await requireSearchAttributes(connection, namespace, Object.values(searchAttributes));
  const client = new Client({ connection, namespace, dataConverter });
  const dependencies = await createActivityDependencies({ configuration, client, logger });
  const workers = await createWorkers(dependencies, connection, namespace);
  const stop = (signal: NodeJS.Signals): void => {
    logger.info({ signal }, 'shutting down');
    for (const worker of workers) if (worker.getState() === 'RUNNING') worker.shutdown();
  };
  process.on('SIGTERM', stop);
  process.on('SIGINT', stop);
  giveUpLostAttempts(dependencies).then(
    (lost) => lost.length > 0 && logger.info({ lost }, 'gave up what killed workers of this host were at'),
    (failure: unknown) => logger.warn({ failure: `${failure}` }, 'lost attempts end by their timeouts'),
  );
  logger.info({ roles: configuration.roles, queues: workers.map(({ options }) => options.taskQueue) }, 'worker ready');
  try {
    await Promise.all(workers.map((worker) => worker.run()));
  } finally {
    await dependencies.store.close();
    await connection.close();
  }
}

async function createWorkers(dependencies: ActivityDependencies, connection: NativeConnection, namespace: string) {
  const options = await Promise.all(
    dependencies.configuration.roles.map(async (role) => workersOfRole[role](dependencies)),
  );
  return Promise.all(
    options.flat().map((own) =>
      Worker.create({
        ...own,
        taskQueue: own.taskQueue ?? '',
        connection,
        namespace,
        identity,
        dataConverter,
        interceptors: { activity: [(context) => ({ inbound: createActivityInterceptor(context) })] },
        maxHeartbeatThrottleInterval: HEARTBEAT_THROTTLE,
        defaultHeartbeatThrottleInterval: HEARTBEAT_THROTTLE,
        shutdownGraceTime: SHUTDOWN_GRACE,
      }),
    ),
  );
}

// The SDK's threads would keep a worker that failed to start alive, and whoever runs it waiting.
main().then(
  () => process.exit(0),
  (failure: unknown) => {
    const said =
      failure instanceof EnginesmithFailure ? failure.message : failure instanceof Error ? failure.stack : failure;
    process.stderr.write(`${said}\n`);
    process.exit(1);
  },
);
