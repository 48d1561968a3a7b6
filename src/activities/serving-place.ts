import { type Client, WorkflowNotFoundError } from '@temporalio/client';
import { type DeploymentState, deploymentMessages, deploymentWorkflowId } from '../contracts/deployment.js';
import { EnginesmithFailure } from '../contracts/failures.js';
import type { Spec } from '../contracts/spec.js';
import type { Configuration } from '../platform/config.js';

/** What a promotion builds on. */
interface ServingPlace {
  servingHost: string;
  /** The deployment's revision now; 0 when it has none. */
  expectedRevision: number;
}

/**
 * Where a spec is to be served: on the host that it names, else where its name serves already, so that a nightly stays where it
 * was whichever worker takes it in; else here.
 * @throws EnginesmithFailure `InvalidSpec` where that would be a worker that serves nothing: a promotion would wait for nobody
 */
export async function findServingPlace(
  client: Client,
  { name, serving }: Pick<Spec, 'name' | 'serving'>,
  { roles, host }: Pick<Configuration, 'roles' | 'host'>,
): Promise<ServingPlace> {
  const current = await currentRevision(client, name);
  const servingHost = serving.host ?? current.host ?? (roles.includes('serve') ? host : undefined);
  if (servingHost !== undefined) return { servingHost, expectedRevision: current.number };
  throw new EnginesmithFailure(
    'InvalidSpec',
    `serving.host: nothing serves as ${name} yet, and the worker that took the spec in, ${host}, does not have the role "serve". ` +
      'Name the host that is to serve it.',
    { context: { field: 'serving.host' } },
  );
}

async function currentRevision(client: Client, name: string): Promise<{ number: number; host?: string }> {
  try {
    const deployment = client.workflow.getHandle(deploymentWorkflowId(name));
    // One that was cancelled or terminated still answers, but the promotion will start a new one, which counts anew.
    if ((await deployment.describe()).status.name !== 'RUNNING') return { number: 0 };
    const { currentNumber, revisions } = await deployment.query<DeploymentState>(deploymentMessages.describe);
    const current = revisions.find(({ number }) => number === currentNumber);
    return { number: currentNumber, ...(current && { host: current.description.host }) };
  } catch (failure) {
    if (failure instanceof WorkflowNotFoundError) return { number: 0 };
    throw failure;
  }
}
