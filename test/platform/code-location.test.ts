import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { expect, onTestFinished, test } from 'vitest';
import { locateCode } from '../../src/platform/code-location.js';

async function emptyPackage(): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'enginesmith-package-'));
  onTestFinished(() => rm(directory, { recursive: true, force: true }));
  await writeFile(join(directory, 'package.json'), '{}');
  return directory;
}

test.each(['dist/client.js', 'dist/chunks/chunk-ABC.js', 'dist/platform/hub/transfer.worker.js'])(
  'the package is found from %s',
  async (module) => {
    const packageDirectory = await emptyPackage();
    const codeDirectory = join(packageDirectory, 'dist');
    await mkdir(join(packageDirectory, module, '..'), { recursive: true });
    expect(locateCode(pathToFileURL(join(packageDirectory, module)).href)).toEqual({
      packageDirectory,
      codeDirectory,
      extension: '.js',
    });
  },
);

test('sources are found as such', async () => {
  const packageDirectory = await emptyPackage();
  const { codeDirectory, extension } = locateCode(pathToFileURL(join(packageDirectory, 'src/platform/x.ts')).href);
  expect({ codeDirectory, extension }).toEqual({ codeDirectory: join(packageDirectory, 'src'), extension: '.ts' });
});

test('a module outside of any package is refused', () => {
  expect(() => locateCode('file:///no-such-directory/module.js')).toThrow(
    '/no-such-directory/module.js is part of no package',
  );
});
