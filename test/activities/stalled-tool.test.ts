import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { ActivityDependencies } from '../../src/activities/dependencies.js';
import { listAttemptLogs } from '../../src/platform/logs/attempt-logs.js';
import { converter, openHost, writeConfig, writeWeights } from './tool-host.js';

const refusal = (act: () => Promise<unknown>): Promise<Error & { type?: string }> =>
  act().then(
    () => Promise.reject(new Error('it was not refused')),
    (error: Error) => error,
  );

const limited = (dependencies: ActivityDependencies, idleMs: number, silentMs: number): void => {
  dependencies.stallLimits = () => ({ idleMs, silentMs });
};

const whole = `${writeConfig()}\n${writeWeights()}`;

test('a tool that hangs without a word is ended as stalled, with what it waited in, and is not tried for ever', async () => {
  const { dependencies, environment, root, convert, left } = await openHost(
    converter('echo loading; trap "" TERM; sleep 1000'),
  );
  await writeFile(join(root, 'bin/py-spy'), '#!/bin/bash\necho "stack of $*"\n', { mode: 0o755 });
  limited(dependencies, 1_500, 60_000);
  const first = await refusal(() => convert());
  expect(first).toMatchObject({ type: 'Stalled', retryable: true, context: { kind: 'idle', failures: 1 } });
  expect(first.message).toMatch(/showed no sign of life for \d+ s[\s\S]*The end of its log:\nloading$/);
  const runId = environment.context.info.workflowExecution?.runId ?? '';
  const [attempt] = await listAttemptLogs(dependencies.places.logs, runId);
  expect(attempt).toMatchObject({ state: 'failed', failure: { type: 'Stalled' } });
  const stacks = await readFile(join(attempt?.directory ?? '', 'stacks.txt'), 'utf8');
  expect(stacks).toMatch(/== \d+: sleep 1000\n[\s\S]*State:\tS \(sleeping\)[\s\S]*waits in: \w+/);

  expect(stacks).toMatch(/== (\d+): .*python3 .*\n[\s\S]*?stack of dump --pid \1\n/);

  const second = await refusal(() => convert(2));
  expect(second).toMatchObject({ type: 'Stalled', retryable: false, context: { failures: 2 } });
  expect(await dependencies.leases.list()).toEqual([]);
  expect(await left(dependencies.places.scratch)).toEqual([]);
});

test('a tool that spins at full load without getting on is stalled too', async () => {
  const { dependencies, convert } = await openHost(converter('while :; do :; done'));
  limited(dependencies, 60_000, 2_000);
  const failure = await refusal(() => convert());
  expect(failure).toMatchObject({ type: 'Stalled', context: { kind: 'silent' } });
});

test.each([
  ['prints now and then', 'for i in 1 2 3 4 5 6 7 8 9 10; do echo $i; sleep 0.4; done'],
  [
    'writes files and says nothing',
    'for i in 1 2 3 4 5 6 7 8 9 10; do echo $i >> "$output/part"; sleep 0.4; done; rm "$output/part"',
  ],
])('a tool that %s is not, however long it takes', async (_, work) => {
  const { dependencies, convert } = await openHost(converter(`${work}\n${whole}`));
  limited(dependencies, 2_500, 2_500);
  expect(await convert()).toMatchObject({ status: 'ran' });
});

test('a tool that computes and says nothing is not idle', async () => {
  const { dependencies, convert } = await openHost(
    converter(`end=$((SECONDS+6)); while [ $SECONDS -lt $end ]; do :; done\n${whole}`),
  );
  limited(dependencies, 3_000, 60_000);
  expect(await convert()).toMatchObject({ status: 'ran' });
});
