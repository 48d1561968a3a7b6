import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { Worker } from 'node:worker_threads';
import { expect, onTestFinished, test } from 'vitest';
import { workerFile } from '../../src/platform/worker-file.js';

test('a compiled caller gets its compiled neighbour and no loader', () => {
  expect(workerFile('./x.worker', 'file:///app/dist/platform/caller.js')).toEqual({
    filename: '/app/dist/platform/x.worker.js',
    execArgv: [],
  });
});

test('a caller that runs from source gets a thread that loads TypeScript', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'enginesmith-worker-'));
  onTestFinished(() => rm(directory, { recursive: true, force: true }));
  await writeFile(join(directory, 'package.json'), '{"type":"module"}');
  await writeFile(
    join(directory, 'x.worker.ts'),
    "import { parentPort } from 'node:worker_threads';\nconst answer: number = 42;\nparentPort?.postMessage(answer);\n",
  );
  const { filename, execArgv } = workerFile('./x.worker', pathToFileURL(join(directory, 'caller.ts')).href);
  const worker = new Worker(filename, { execArgv });
  const answer = await new Promise((resolve, reject) => worker.once('message', resolve).once('error', reject));
  await worker.terminate();
  expect(answer).toBe(42);
});
