import { type Client, WorkflowNotFoundError } from '@temporalio/client';
import {
  type DeploymentState,
  deploymentMessages,
  deploymentWorkflowId,
  type RevisionDescription,
} from '../contracts/deployment.js';
import type { Spec } from '../contracts/spec.js';
import type { Configuration } from '../platform/config.js';

/** What a promotion builds on. */
interface ServingPlace {
  servingHost: string;
  /** The deployment's revision now; 0 when it has none. */
  expectedRevision: number;
}

/**
 * Where a spec is to be served: on the host that it names, else where its name serves already on GPUs of its class, so that a
 * nightly stays where it was whichever worker takes it in; else here.
 */
export async function findServingPlace(
  client: Client,
  { name, serving, gpuClass }: Pick<Spec, 'name' | 'serving' | 'gpuClass'>,
  { host }: Pick<Configuration, 'host'>,
): Promise<ServingPlace> {
  const { number, description } = await currentRevision(client, name);
  const stays = description?.gpuClass === gpuClass ? description.host : undefined;
  return { servingHost: serving.host ?? stays ?? host, expectedRevision: number };
}

async function currentRevision(
  client: Client,
  name: string,
): Promise<{ number: number; description?: RevisionDescription | undefined }> {
  try {
    const deployment = client.workflow.getHandle(deploymentWorkflowId(name));
    // One that was cancelled or terminated still answers, but the promotion will start a new one, which counts anew.
    if ((await deployment.describe()).status.name !== 'RUNNING') return { number: 0 };
    const { currentNumber, revisions } = await deployment.query<DeploymentState>(deploymentMessages.describe);
    const current = revisions.find(({ number }) => number === currentNumber);
    return { number: currentNumber, description: current?.description };
  } catch (failure) {
    if (failure instanceof WorkflowNotFoundError) return { number: 0 };
    throw failure;
  }
}
