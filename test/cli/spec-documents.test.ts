import { readdir, readFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { expect, test } from 'vitest';
import { specPage } from '../../src/cli/spec-page.js';
import { specJsonSchema } from '../../src/contracts/spec-json-schema.js';
import { example } from './cli-fixture.js';

/* Documents that are made from the schemas; after a change: npx vitest run --project unit test/cli -u */

test('docs/spec.schema.json is the JSON Schema of a spec', async () => {
  await expect(`${JSON.stringify(specJsonSchema(), null, 2)}\n`).toMatchFileSnapshot('../../docs/spec.schema.json');
});

test('docs/spec.md is the page of the schemas', async () => {
  await expect(specPage()).toMatchFileSnapshot('../../docs/spec.md');
});

test('the examples tell editors where their schema is', async () => {
  const directory = dirname(example('any'));
  for (const file of await readdir(directory)) {
    const [first] = (await readFile(`${directory}/${file}`, 'utf8')).split('\n');
    expect(first, file).toBe('# yaml-language-server: $schema=../docs/spec.schema.json');
  }
});
