import type { SearchAttributeType } from '@temporalio/common';
import type { NativeConnection } from '@temporalio/worker';
import { EnginesmithFailure } from '../contracts/failures.js';

/** Temporal's number for the type KEYWORD in its operator API. */
const KEYWORD = 2;

/**
 * Sees to it that the namespace knows the search attributes: an unknown one would make every workflow task that sets it
 * fail, for ever. They are registered where this process may.
 * @throws EnginesmithFailure `PrerequisiteMissing` with the commands that register them
 */
export async function requireSearchAttributes(
  { operatorService }: Pick<NativeConnection, 'operatorService'>,
  namespace: string,
  keys: readonly { name: string; type: SearchAttributeType }[],
): Promise<void> {
  const missing = async (): Promise<string[]> => {
    const { customAttributes } = await operatorService.listSearchAttributes({ namespace });
    return keys.map(({ name }) => name).filter((name) => !(name in customAttributes));
  };
  try {
    const names = await missing();
    if (names.length === 0) return;
    await operatorService.addSearchAttributes({
      namespace,
      searchAttributes: Object.fromEntries(names.map((name) => [name, KEYWORD])),
    });
  } catch (cause) {
    // Of workers that start at the same moment one registers them, and the others are refused.
    if ((await missing().catch(() => ['unknown'])).length === 0) return;
    const commands = keys.map(
      ({ name }) =>
        `  temporal operator search-attribute create --namespace ${namespace} --name ${name} --type Keyword`,
    );
    throw new EnginesmithFailure(
      'PrerequisiteMissing',
      ['Search attributes are not registered, and this worker may not do it. Run once:', ...commands].join('\n'),
      { cause },
    );
  }
}
