import { cancelled } from '@temporalio/activity';
import { type Client, WorkflowNotFoundError, WorkflowUpdateStage } from '@temporalio/client';
import type { AdmittedSpec } from '../contracts/admitted-spec.js';
import { deploymentMessages, deploymentWorkflowId, type YieldRequest } from '../contracts/deployment.js';
import { EnginesmithFailure } from '../contracts/failures.js';
import { activityOwner, activityRun } from './attempt.js';
import type { Served } from './lease-gpus.js';
import { revisionJobId } from './serve/revision-places.js';

/**
 * What a spec says of GPUs that only the end of something that serves would free (`rollout.whenBusy`): the step waits, or fails
 * at once, or has the deployment of its own name yield. It asks no other one, and its own only for the revision that it would be
 * promoted over: a pipeline that is stale stops nothing. While those GPUs would not be enough it does not ask either: the name
 * would be down, and the step would wait all the same.
 */
export const createWhenServed =
  ({ spec: { name, rollout }, expectedRevision }: Pick<AdmittedSpec, 'spec' | 'expectedRevision'>, client: Client) =>
  async ({ servedBy, sufficient }: Served): Promise<string> => {
    const names = servedBy.join(', ');
    const goesOn = `It goes on when ${names} ends: \`npx enginesmith stop NAME\`.`;
    switch (rollout?.whenBusy) {
      case 'fail':
        throw new EnginesmithFailure(
          'NoFreeGpu',
          `The step needs GPUs that ${names} serves from, and rollout.whenBusy is fail. End that (\`npx enginesmith stop NAME\`), ` +
            'or leave rollout.whenBusy out, and start the pipeline again.',
          { retryable: false, context: { servedBy: names, whenBusy: 'fail' } },
        );
      case 'yield': {
        const own = revisionJobId(name, expectedRevision);
        if (!servedBy.includes(own)) return `Only revision ${expectedRevision} of ${name} would yield. ${goesOn}`;
        if (!sufficient.includes(own)) return `The GPUs of ${own} would not be enough now. ${goesOn}`;
        await askToYield(client, name, expectedRevision);
        return `${own} is asked to yield: it goes on when that has ended.`;
      }
      default:
        return goesOn;
    }
  };

/**
 * Asks the deployment, and does not wait for it: that may be in the middle of a promotion, and a step that waits for a GPU
 * holds no slot. The update has an id of its own, so that the next attempt asks for nothing new.
 */
async function askToYield(client: Client, name: string, expectedRevision: number): Promise<void> {
  const request: YieldRequest = { ...activityRun(), expectedRevision };
  try {
    const asked = client.workflow
      .getHandle(deploymentWorkflowId(name))
      .startUpdate<unknown, [YieldRequest]>(deploymentMessages.yield, {
        args: [request],
        updateId: `${activityOwner()}/${expectedRevision}`,
        waitForStage: WorkflowUpdateStage.ACCEPTED,
      });
    await Promise.race([asked, cancelled()]);
  } catch (failure) {
    // It was terminated, and its host does not know: the step waits as others do.
    if (!(failure instanceof WorkflowNotFoundError)) throw failure;
  }
}
