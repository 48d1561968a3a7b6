import { chmod, copyFile, cp, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { execa } from 'execa';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { z } from 'zod';
import { WORKFLOW_TASK_QUEUE } from '../../src/contracts/task-queues.js';
import { readPipelineHistory } from '../../src/pipeline-history.js';
import { type ChaosEnvironment, startChaosEnvironment } from '../support/chaos-environment.js';
import { lastJsonLine } from '../support/product.js';
import { tinySpec } from '../support/tiny-repositories.js';
import { until } from '../support/until.js';

const pipeline = 'tiny-resumed';
const program = fileURLToPath(new URL('../../dist/client.js', import.meta.url));
const outcomeSchema = z.object({
  verdict: z.string(),
  deployment: z.object({ revision: z.number() }).nullable(),
  steps: z.array(z.object({ name: z.string(), status: z.string() })),
});

let environment: ChaosEnvironment;

beforeAll(async () => {
  environment = await startChaosEnvironment();
});

afterAll(() => environment.dispose());

async function enginesmith(...args: string[]) {
  const { variables, temporalAddress } = environment;
  const { exitCode, stdout, stderr } = await execa(process.execPath, [program, ...args], {
    env: { ...variables, TEMPORAL_ADDRESS: temporalAddress, NO_COLOR: '1' },
    reject: false,
    timeout: 240_000,
  });
  return { exitCode, stdout, stderr };
}

async function resumed(...args: string[]) {
  const { exitCode, stdout, stderr } = await enginesmith('resume', pipeline, '--json', ...args);
  const { verdict, deployment, steps } = lastJsonLine(stdout, outcomeSchema);
  const named = (status: string) => steps.filter((step) => step.status === status).map(({ name }) => name);
  return { exitCode, stderr, verdict, revision: deployment?.revision, ran: named('ran'), reused: named('reused') };
}

const builds = async (): Promise<number> =>
  (await environment.toolchain.runs()).filter((run) => run.program === 'trtllm-build').length;

test('a pipeline that failed goes on from what is complete, with what it had pinned', async () => {
  const { client, toolchain, variables } = environment;
  const build = join(toolchain.root, 'usr/local/bin/trtllm-build');
  const working = join(toolchain.root, 'trtllm-build.kept');
  await copyFile(build, working);
  await writeFile(build, '#!/bin/sh\necho out of luck\nexit 3\n');
  await chmod(build, 0o755);
  const start = { workflowId: pipeline, taskQueue: WORKFLOW_TASK_QUEUE, args: [tinySpec('tiny')] };
  await client.workflow.start('quantizeBuildDeploy', start);
  await expect(client.workflow.result(pipeline)).rejects.toMatchObject({
    cause: { cause: { type: 'AttemptsExhausted' } },
  });
  const failed = await readPipelineHistory(client, pipeline);
  expect(failed).toMatchObject({ status: 'FAILED', result: undefined, resumption: undefined });

  // The branch moves, and its old commit can still be had.
  const model = join(variables.ENGINESMITH_HUB_MIRROR ?? '', 'models/tiny/llama');
  await cp(join(model, 'main'), join(model, 'before'), { recursive: true });
  await writeFile(join(model, 'main/NEWS.txt'), 'The branch has moved.\n');
  await copyFile(working, build);
  await chmod(build, 0o755);

  const outcome = await resumed();
  expect(outcome, outcome.stderr).toMatchObject({ exitCode: 0, verdict: 'DEPLOYED', revision: 1 });
  expect(outcome.stderr).toContain(`${pipeline} failed and goes on.`);
  expect(outcome.reused).toEqual(expect.arrayContaining(['model', 'dataset', 'checkpoint', 'baseline-checkpoint']));
  expect(outcome.ran).toEqual(expect.arrayContaining(['engine', 'baseline-engine', 'evaluation-1', 'gate-1']));
  const second = await readPipelineHistory(client, pipeline);
  expect(second.admitted?.model).toEqual(failed.admitted?.model);
  expect(second.resumption?.of).toBe(failed.runId);
}, 300_000);

test('one that came to its verdict has nothing left to do', async () => {
  const before = await builds();
  const outcome = await resumed();
  expect(outcome).toMatchObject({ exitCode: 0, verdict: 'DEPLOYED', revision: 1 });
  expect(outcome.stderr).toContain('came to its verdict: DEPLOYED. Nothing is left to do');
  expect(await builds()).toBe(before);
});

test('a step that it does not have is refused with those that it has', async () => {
  const { exitCode, stderr } = await enginesmith('resume', pipeline, '--from', 'engin');
  expect(exitCode).toBe(2);
  expect(stderr).toMatch(/no step "engin"\.\s+Its\s+steps:\s+model,.*baseline-engine,.*promote\./s);
  expect(await enginesmith('resume', 'nobody-knows')).toMatchObject({ exitCode: 2 });
});

test('from a step on everything is made anew; whoever resumes it meanwhile is attached', async () => {
  const { toolchain, client } = environment;
  const before = await builds();
  const release = await toolchain.hold('trtllm-build', 'before');
  const detached = await enginesmith('resume', pipeline, '--from', 'engine', '--detach', '--json');
  const started = lastJsonLine(detached.stdout, z.object({ runId: z.string(), remakes: z.array(z.string()) }));
  expect(started.remakes).toEqual(['engine', 'evaluation-1', 'agreement-1', 'gate-1', 'serving-parameters']);
  await until('the build', async () => (await builds()) > before || undefined);
  // A terminal that comes while the tool is held is attached: the tool is let go when it has said so.
  const attached = resumed();
  await release();
  const outcome = await attached;
  expect(outcome, outcome.stderr).toMatchObject({ exitCode: 0, verdict: 'DEPLOYED' });
  expect(outcome.ran.sort()).toEqual(started.remakes.sort());
  expect(outcome.reused).toContain('baseline-engine');
  expect(await builds()).toBe(before + 1);
  expect((await readPipelineHistory(client, pipeline)).runId).toBe(started.runId);

  const why = await enginesmith('why', pipeline, 'engine', '--json');
  expect(JSON.parse(why.stdout).steps).toMatchObject([{ name: 'engine', state: 'ran', isRemade: true }]);

  // What was made anew is what later runs find.
  const again = await resumed('--from', 'promote');
  expect(again).toMatchObject({ exitCode: 0, verdict: 'DEPLOYED', ran: [] });
}, 300_000);

test('a remake that was cancelled goes on when it is resumed, and what it had made anew counts', async () => {
  const { toolchain, client } = environment;
  const release = await toolchain.hold('trtllm-build', 'before');
  const before = await builds();
  const detached = await enginesmith('resume', pipeline, '--from', 'checkpoint', '--detach', '--json');
  const { runId } = lastJsonLine(detached.stdout, z.object({ runId: z.string() }));
  await until('the build', async () => (await builds()) > before || undefined);
  await enginesmith('cancel', pipeline);
  await client.workflow
    .getHandle(pipeline, runId)
    .result()
    .catch(() => undefined);
  await release();

  const outcome = await resumed();
  expect(outcome, outcome.stderr).toMatchObject({ exitCode: 0, verdict: 'DEPLOYED' });
  expect(outcome.ran).toContain('engine');
  expect(outcome.reused).toContain('checkpoint');
  const { admitted } = await readPipelineHistory(client, pipeline);
  expect(admitted?.remake?.id).toBe(runId);
}, 300_000);
