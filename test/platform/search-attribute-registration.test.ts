import { SearchAttributeType } from '@temporalio/common';
import { expect, test } from 'vitest';
import { requireSearchAttributes } from '../../src/platform/search-attribute-registration.js';

const keys = ['ModelId', 'GateVerdict'].map((name) => ({ name, type: SearchAttributeType.KEYWORD }));

/** A namespace that refuses to register what it has, as Temporal does. @param refuses whether it refuses everything */
function openNamespace({ refuses = false } = {}) {
  const customAttributes: Record<string, number> = {};
  const asked: string[][] = [];
  const operatorService = {
    listSearchAttributes: async () => ({ customAttributes: { ...customAttributes } }),
    addSearchAttributes: async ({ searchAttributes }: { searchAttributes: Record<string, number> }) => {
      const names = Object.keys(searchAttributes);
      asked.push(names);
      if (refuses || names.some((name) => name in customAttributes))
        throw new Error('ALREADY_EXISTS or PERMISSION_DENIED');
      Object.assign(customAttributes, searchAttributes);
    },
  };
  const start = () => requireSearchAttributes({ operatorService } as never, 'default', keys);
  return { start, asked };
}

test('two workers that start at the same moment both come up: one registers, and the other finds it done', async () => {
  const { start, asked } = openNamespace();
  await Promise.all([start(), start()]);
  expect(asked).toHaveLength(2);
  await start();
  expect(asked).toHaveLength(2);
});

test('a worker that may not register them says which commands do', async () => {
  await expect(openNamespace({ refuses: true }).start()).rejects.toMatchObject({
    type: 'PrerequisiteMissing',
    message: expect.stringContaining('operator search-attribute create --namespace default --name ModelId'),
  });
});
