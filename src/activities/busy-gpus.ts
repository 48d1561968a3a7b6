import { EnginesmithFailure } from '../contracts/failures.js';
import type { Spec } from '../contracts/spec.js';

/**
 * What a spec says of GPUs that only the end of something that serves would free (`rollout.whenBusy`): the step waits, or fails
 * at once.
 */
export const createWhenServed =
  ({ rollout }: Pick<Spec, 'rollout'>) =>
  async (servedBy: readonly string[]): Promise<string> => {
    const names = servedBy.join(', ');
    if (rollout?.whenBusy !== 'fail') return `It goes on when ${names} ends: \`npx enginesmith stop NAME\`.`;
    throw new EnginesmithFailure(
      'NoFreeGpu',
      `The step needs GPUs that ${names} serves from, and rollout.whenBusy is fail. End that (\`npx enginesmith stop NAME\`), ` +
        'or leave rollout.whenBusy out, and start the pipeline again.',
      { retryable: false, context: { servedBy: names, whenBusy: 'fail' } },
    );
  };
