import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { commitFiles, openStore, record } from '../platform/store/store-fixture.js';

/** HTTPS_PROXY is handed to tools, and often holds a password: it stood in the record of every artifact. */
test('the record of an attempt keeps the address of a proxy and not its password', async () => {
  const { store, directory } = await openStore();
  const environment = { HTTPS_PROXY: 'http://ann:s3cr%40t@proxy.example:3128', PATH: '/usr/bin:/bin' };
  const { reference } = await commitFiles(store, { 'rank0.engine': 'e' }, { record: { ...record, environment } });
  const text = await readFile(join(directory, 'records', reference.digest, record.attemptId, 'record.json'), 'utf8');
  expect(JSON.parse(text)).toMatchObject({
    environment: { HTTPS_PROXY: 'http://***@proxy.example:3128', PATH: '/usr/bin:/bin' },
  });
});
