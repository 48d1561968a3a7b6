import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { listAttemptLogs } from '../../src/platform/logs/attempt-logs.js';
import { createLogReader } from '../../src/platform/logs/log-reader.js';
import { until } from '../platform/process/jobs-fixture.js';
import { smol135 } from '../support/model-configs.js';
import { processesNaming } from '../support/processes.js';
import { converter, good, openHost } from './tool-host.js';

test('a step runs its tool once, commits what it made, and leaves nothing on the host', async () => {
  const { dependencies, convert, left, runs } = await openHost(good);
  const made = await convert();
  expect(made).toMatchObject({ status: 'ran', artifact: { kind: 'checkpoint' } });
  expect(await convert()).toEqual({ ...made, status: 'reused' });
  expect(await runs()).toBe(1);
  const { places, leases, jobs } = dependencies;
  expect(await left(places.scratch)).toEqual([]);
  expect(await leases.list()).toEqual([]);
  for (const jobId of await left(places.jobs)) expect((await jobs.inspect(jobId)).state).toBe('absent');
});

test('a step whose artifact is there already keeps it for its own run too', async () => {
  const { dependencies, convert, left } = await openHost(good);
  await convert();
  const roots = join(dependencies.places.store, 'roots');
  await rm(roots, { recursive: true });
  await convert();
  expect(await left(roots)).toHaveLength(1);
});

test('a tool that fails is tried once more, and then no more', async () => {
  const { convert } = await openHost(converter('echo out of luck; exit 3'));
  await expect(convert()).rejects.toMatchObject({ type: 'ToolFailed', retryable: true });
  await expect(convert(2)).rejects.toMatchObject({ type: 'AttemptsExhausted', retryable: false });
});

test('a tool that says nothing is wrong and makes something else is not believed', async () => {
  const { convert } = await openHost(converter(`echo '{}' > "$output/config.json"`));
  await expect(convert()).rejects.toMatchObject({ type: 'ToolOutputInvalid', retryable: false });
});

test('a model that does not fit the spec is refused before its tool runs', async () => {
  const { dependencies, convert, left, runs } = await openHost(good, {
    ofModel: {
      architectures: ['LlamaForCausalLM'],
      hidden_size: 576,
      intermediate_size: 1536,
      num_hidden_layers: 30,
      num_attention_heads: 9,
      num_key_value_heads: 4,
      vocab_size: 49152,
    },
  });
  await expect(convert()).rejects.toMatchObject({ type: 'UnsupportedModel', retryable: false });
  expect(await runs()).toBe(0);
  expect(await left(dependencies.places.scratch)).toEqual([]);
});

test('the log of a tool is in the store while it runs, and stays there when it fails', async () => {
  const { dependencies, environment, root, convert } = await openHost(
    converter('echo started; until [ -e "$(dirname "$0")/go" ]; do sleep 0.05; done; echo over; exit 3'),
  );
  const runId = environment.context.info.workflowExecution?.runId ?? '';
  const attempts = () => listAttemptLogs(dependencies.places.logs, runId);
  const linesOf = async (): Promise<string[]> => {
    const lines: string[] = [];
    const [attempt] = await attempts();
    if (attempt !== undefined) await createLogReader(attempt.directory, (line) => lines.push(line)).finish();
    return lines;
  };
  const converting = expect(convert()).rejects.toMatchObject({ type: 'ToolFailed' });
  await until(async () => (await linesOf()).length > 0);
  expect(await linesOf()).toEqual(['started']);
  expect(await attempts()).toMatchObject([{ state: 'running', step: 'baseline-checkpoint' }]);
  await writeFile(join(root, 'bin/go'), '');
  await converting;
  expect(await linesOf()).toEqual(['started', 'over']);
  expect(await attempts()).toMatchObject([{ state: 'failed', failure: { type: 'ToolFailed' } }]);
});

test('a step that is made again within a run has a log of its own: that of what failed stays as it is', async () => {
  const { dependencies, environment, convert } = await openHost(
    converter(
      'mark="$(dirname "$0")/mark"; if [ -e "$mark" ]; then echo again; else touch "$mark"; echo first; fi; exit 3',
    ),
  );
  const { info } = environment.context;
  for (const activityId of ['7', '9']) {
    Object.assign(info, { activityId });
    await expect(convert()).rejects.toMatchObject({ type: 'ToolFailed' });
  }
  const attempts = await listAttemptLogs(dependencies.places.logs, info.workflowExecution?.runId ?? '');
  expect(attempts).toMatchObject([
    { activityId: '7', attempt: 1, state: 'failed' },
    { activityId: '9', attempt: 1, state: 'failed' },
  ]);
  const said = attempts.map(async ({ directory }) => {
    const lines: string[] = [];
    await createLogReader(directory, (line) => lines.push(line)).finish();
    return lines;
  });
  expect(await Promise.all(said)).toEqual([['first'], ['again']]);
});

test('a cancelled step has freed everything in time, whatever its tool has started and however deaf that is', async () => {
  const deaf = 'trap "" TERM; while :; do sleep 0.1; done';
  const { dependencies, environment, home, convert, left, runs } = await openHost(
    converter(`setsid bash -c 'setsid bash -c "${deaf.replaceAll('"', '\\"')}" & ${deaf}' & ${deaf}`),
  );
  const converting = convert();
  await until(async () => (await runs()) > 0 && processesNaming(home).length >= 6);
  const cancelledMs = performance.now();
  environment.cancel();
  await expect(converting).rejects.toThrow('CANCELLED');
  // A heartbeat may bring the cancellation 1 s late, and 15 s are what is promised.
  expect(performance.now() - cancelledMs).toBeLessThan(12_000);
  expect(processesNaming(home).map(({ command }) => command)).toEqual([]);
  expect(await dependencies.leases.list()).toEqual([]);
  expect(await left(dependencies.places.scratch)).toEqual([]);
});

test('a cancelled step ends its tool, and leaves nothing on the host', async () => {
  const { dependencies, environment, convert, left, runs } = await openHost(converter('sleep 60'));
  const converting = convert();
  await until(async () => (await runs()) > 0);
  environment.cancel();
  await expect(converting).rejects.toThrow('CANCELLED');
  expect(await left(dependencies.places.scratch)).toEqual([]);
  for (const jobId of await left(dependencies.places.jobs)) {
    expect((await dependencies.jobs.inspect(jobId)).state).toBe('absent');
  }
});

test('a step that the disk cannot hold is refused before its tool runs, with what is missing', async () => {
  const { dependencies, convert, left, runs } = await openHost(good, {
    ofModel: { ...smol135, num_hidden_layers: 1_000_000_000 },
  });
  await expect(convert()).rejects.toMatchObject({
    ...{ type: 'InsufficientDisk', retryable: false },
    // Without a server nobody knows what could be collected.
    context: { known: true, step: 'baseline-checkpoint', collectableBytes: null, freeBytes: expect.any(Number) },
  });
  expect(await runs()).toBe(0);
  expect(await left(dependencies.places.scratch)).toEqual([]);
  expect(await dependencies.leases.list()).toEqual([]);
});
