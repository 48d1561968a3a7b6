import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { answerWithin } from '../../../src/platform/process/answer-within.js';
import { until } from '../../support/until.js';

async function program(text: string): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'enginesmith-answer-'));
  onTestFinished(() => rm(directory, { recursive: true, force: true }));
  const path = join(directory, 'program');
  await writeFile(path, `#!/bin/bash\n${text}\n`, { mode: 0o755 });
  return path;
}

test('a program that answers is heard, however it ends', async () => {
  const path = await program('echo "$GREETING $1"; echo no >&2; exit 3');
  const environment = { PATH: process.env.PATH, GREETING: 'hello' };
  expect(await answerWithin(path, ['you'], { timeoutMs: 10_000, environment })).toMatchObject({
    exitCode: 3,
    stdout: 'hello you',
    stderr: 'no',
  });
});

test('one that is late is ended', async () => {
  const path = await program('exec sleep 60');
  expect(await answerWithin(path, [], { timeoutMs: 200 })).toBeUndefined();
});

test('one whose end never comes is left behind, and not asked again before it has ended', async () => {
  // A process in the kernel cannot be had by asking. To whoever waits for it, this is the same: its output never ends.
  const path = await program('[[ $1 == hang ]] || { echo back; exit; }\nsetsid sleep 6 & exec sleep 60');
  const askedMs = performance.now();
  expect(await answerWithin(path, ['hang'], { timeoutMs: 1_000 })).toBeUndefined();
  expect(await answerWithin(path, [], { timeoutMs: 10_000 })).toBeUndefined();
  expect(performance.now() - askedMs).toBeLessThan(5_000);
  const answer = () => answerWithin(path, [], { timeoutMs: 10_000 });
  expect(await until('an answer', answer, { withinMs: 30_000 })).toMatchObject({ stdout: 'back' });
});
