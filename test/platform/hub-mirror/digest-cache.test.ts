import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { startHubMirror } from '../../../src/platform/hub-mirror/hub-mirror.js';

test.each([
  ['gitOid', '../../../evil'],
  ['sha256', '../../../evil'],
  ['sha256', 'f'.repeat(63)],
  ['gitOid', `${'0'.repeat(40)}\r\nX-Evil: 1`],
])('a mirror passes on no %s of its sidecar that is no digest: %j', async (field, value) => {
  const directory = await mkdtemp(join(tmpdir(), 'enginesmith-mirror-'));
  onTestFinished(() => rm(directory, { recursive: true, force: true }));
  await mkdir(join(directory, 'models/org/tiny/main'), { recursive: true });
  await writeFile(join(directory, 'models/org/tiny/main/model.safetensors'), 'weights');
  await (await startHubMirror({ directory })).close();

  const sidecar = join(directory, '.digests.json');
  const recorded = await readFile(sidecar, 'utf8');
  const altered = recorded.replace(new RegExp(`("${field}": )"[0-9a-f]+"`), `$1${JSON.stringify(value)}`);
  expect(altered).not.toBe(recorded);
  await writeFile(sidecar, altered);
  await expect(startHubMirror({ directory })).rejects.toMatchObject({
    type: 'ArtifactCorrupt',
    message: expect.stringContaining(sidecar),
  });
});
