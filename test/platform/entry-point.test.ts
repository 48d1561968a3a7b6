import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { expect, onTestFinished, test } from 'vitest';
import { entryPoint } from '../../src/platform/entry-point.js';

test('a compiled package starts its compiled entry points, without a loader', () => {
  const location = { packageDirectory: '/app', codeDirectory: '/app/dist', extension: '.js' };
  expect(entryPoint('platform/hub/transfer.worker', location)).toEqual({
    filename: '/app/dist/platform/hub/transfer.worker.js',
    execArgv: [],
  });
});

test('a package that runs from source starts threads that load TypeScript', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'enginesmith-entry-'));
  onTestFinished(() => rm(directory, { recursive: true, force: true }));
  await writeFile(join(directory, 'package.json'), '{"type":"module"}');
  await writeFile(
    join(directory, 'worker.ts'),
    "import { parentPort } from 'node:worker_threads';\nconst answer: number = 42;\nparentPort?.postMessage(answer);\n",
  );
  const location = { packageDirectory: directory, codeDirectory: directory, extension: '.ts' };
  const { filename, execArgv } = entryPoint('worker', location);
  const worker = new Worker(filename, { execArgv });
  const answer = await new Promise((resolve, reject) => worker.once('message', resolve).once('error', reject));
  await worker.terminate();
  expect(answer).toBe(42);
});
