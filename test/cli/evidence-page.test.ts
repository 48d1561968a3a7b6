import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { evidenceDigest, evidencePlaces } from '../../src/cli/evidence-page.js';

const digests = { first: 'a'.repeat(64), second: 'b'.repeat(64) };
const steps = [
  { name: 'build-candidate', digest: 'c'.repeat(64) },
  { name: 'gate-1', digest: digests.first },
  { name: 'gate-2', digest: digests.second },
  { name: 'serving-parameters', digest: 'd'.repeat(64) },
];

test('the evidence of a pipeline is that of its last gate that has decided', () => {
  expect(evidenceDigest(steps)).toBe(digests.second);
  expect(evidenceDigest([...steps, { name: 'gate-3', digest: null }])).toBe(digests.second);
  expect(evidenceDigest([{ name: 'gate-1', digest: null }])).toBeNull();
});

test('it can be read at its address, and in its file where this host has the store', async () => {
  const home = await mkdtemp(join(tmpdir(), 'enginesmith-evidence-'));
  onTestFinished(() => rm(home, { recursive: true, force: true }));
  const configuration = { home, cache: home, host: 'here' };
  const gate = { page: `http://127.0.0.1:8234/evidence/${digests.second}` };
  expect(evidencePlaces(configuration, { steps, gate })).toEqual([gate.page]);

  const files = join(home, 'store/artifacts/bb', digests.second, 'files');
  await mkdir(files, { recursive: true });
  await writeFile(join(files, 'evidence.html'), '');
  expect(evidencePlaces(configuration, { steps, gate })).toEqual([gate.page, join(files, 'evidence.html')]);
  expect(evidencePlaces(configuration, { steps, gate: { page: null } })).toEqual([join(files, 'evidence.html')]);
  expect(evidencePlaces(configuration, { steps: [], gate: null })).toEqual([]);
});
