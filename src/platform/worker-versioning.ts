import { readFile } from 'node:fs/promises';
import { bundleWorkflowCode, type WorkerOptions } from '@temporalio/worker';
import type { Configuration } from './config.js';

type WorkflowSource = { workflowBundle: { codePath: string } } | { workflowsPath: string };

/**
 * What a worker that runs workflows is created with. With a build id it tells Temporal which build it is (Worker
 * Deployments, server 1.28 and later), and its workflows how they follow builds; without one it is unversioned: every worker
 * may go on with every workflow.
 *
 * Workers of activities are never versioned: their contracts only grow, and versioned ones would hold GPUs for builds that
 * drain.
 */
export async function workflowWorkerOptions(
  { buildId, workerDeployment }: Pick<Configuration, 'buildId' | 'workerDeployment'>,
  source: WorkflowSource,
): Promise<Partial<WorkerOptions>> {
  if (buildId === undefined) return source;
  const code =
    'workflowBundle' in source
      ? await readFile(source.workflowBundle.codePath, 'utf8')
      : (await bundleWorkflowCode(source)).code;
  return {
    // Workflow code sees no environment: what is true of this worker is said where its code is loaded.
    workflowBundle: { code: `globalThis.enginesmithHasBuild = true; ${code}` },
    workerDeploymentOptions: {
      version: { deploymentName: workerDeployment, buildId },
      useWorkerVersioning: true,
      // Each workflow type says what it is (src/workflows/index.ts); one that does not stays where it began.
      defaultVersioningBehavior: 'PINNED',
    },
  };
}
