import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { execa } from 'execa';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { parse, stringify } from 'yaml';
import { z } from 'zod';
import { specSchema } from '../../src/contracts/spec.js';
import { processesNaming } from '../support/processes.js';
import { createProduct, installation, lastJsonLine, type Product } from '../support/product.js';
import { until } from '../support/until.js';

const devRecord = z.object({
  temporalAddress: z.string(),
  children: z.array(z.object({ name: z.string(), process: z.object({ pid: z.number() }) })),
});

const history = z.object({
  events: z.array(
    z
      .object({
        eventId: z.string(),
        eventTime: z.string(),
        activityTaskScheduledEventAttributes: z.object({ activityType: z.object({ name: z.string() }) }).optional(),
        activityTaskStartedEventAttributes: z.object({ scheduledEventId: z.string(), attempt: z.number() }).optional(),
        activityTaskCompletedEventAttributes: z.object({ scheduledEventId: z.string() }).optional(),
      })
      .loose(),
  ),
});

const progress = z.object({ steps: z.array(z.object({ name: z.string(), state: z.string() })).nullable() });
const outcome = z.object({ steps: z.array(z.object({ name: z.string(), digest: z.string() })) }).loose();

let product: Product;

beforeAll(async () => {
  product = await createProduct();
});

afterAll(() => product.dispose(), 120_000);

test('a worker that is killed in the middle of a build costs nothing that was done, and leaves nothing behind', async () => {
  const spec = specSchema.parse(parse(await readFile('examples/smollm2-135m-int4-wo.yaml', 'utf8')));
  spec.name = 'killed-worker';
  spec.gate.articles = 2;
  spec.gate.maxOutputTokens = 16;
  const file = join(product.home, 'spec.yaml');
  await writeFile(file, stringify(spec));

  const pipeline = product.run(['demo', file, '--keep', '--json']);
  const workflowId = await until('pipeline', findPipeline);
  const building = await until('running build', () => findBuild(workflowId));
  const killed = await workerPid();
  const killedAt = new Date().toISOString();
  process.kill(killed, 'SIGKILL');

  const { exitCode, stdout, stderr } = await pipeline;
  // Two articles decide nothing: what counts here is that the pipeline came to its end.
  expect([0, 3], stderr).toContain(exitCode);
  expect(await workerPid()).not.toBe(killed);

  // The tool itself outlived its worker: the next attempt took its outcome, and started none.
  const digest = lastJsonLine(stdout, outcome).steps.find(({ name }) => name === building)?.digest ?? '';
  const started = await startTimes(digest);
  expect(started).toHaveLength(1);
  expect(started.filter((time) => time > killedAt)).toEqual([]);

  const activities = completedActivities(history.parse(await temporal(['workflow', 'show', '-w', workflowId])));
  const count = (name: string): number => activities.filter((activity) => activity.name === name).length;
  const names = ['admit', 'download', 'quantize', 'convert', 'build', 'evaluate', 'gate'];
  expect(names.map((name) => `${name} ${count(name)}`).join(', ')).toBe(
    'admit 1, download 2, quantize 1, convert 1, build 2, evaluate 2, gate 1',
  );
  const before = activities.filter(({ completedAt }) => completedAt < killedAt);
  expect(before.map(({ name }) => name)).toEqual(expect.arrayContaining(['admit', 'download', 'convert']));
  expect(before.filter(({ attempt }) => attempt !== 1)).toEqual([]);

  expect((await product.run(['dev', '--stop'])).exitCode).toBe(0);
  expect(processesNaming(product.home)).toEqual([]);
}, 420_000);

const readDev = async () => devRecord.parse(JSON.parse(await readFile(join(product.home, 'dev.json'), 'utf8')));

async function temporal(args: string[]): Promise<unknown> {
  const { temporalAddress } = await readDev();
  const options = ['--address', temporalAddress, '--output', 'json'];
  const { stdout } = await execa(installation.temporalServer, [...args, ...options], { timeout: 60_000 });
  return JSON.parse(stdout);
}

async function workerPid(): Promise<number> {
  const worker = (await readDev()).children.find(({ name }) => name === 'worker');
  if (worker === undefined) throw new Error('dev.json names no worker');
  return worker.process.pid;
}

async function findPipeline(): Promise<string | undefined> {
  const listed = await temporal(['workflow', 'list', '--query', 'WorkflowType="quantizeBuildDeploy"']);
  const found = z.array(z.object({ execution: z.object({ workflowId: z.string() }) }).loose()).parse(listed);
  return found[0]?.execution.workflowId;
}

/** The step whose trtllm-build runs now. */
async function findBuild(workflowId: string): Promise<string | undefined> {
  const answer = await temporal(['workflow', 'query', '-w', workflowId, '--type', 'progress']);
  const { queryResult } = z.object({ queryResult: z.array(progress) }).parse(answer);
  const steps = queryResult[0]?.steps ?? [];
  const step = steps.find(({ name, state }) => name.endsWith('engine') && state === 'running');
  const tools = processesNaming(join(product.home, 'hosts'));
  return tools.some(({ command }) => command.includes('trtllm-build')) ? step?.name : undefined;
}

/** When the tools of an artifact's recorded attempts were started. */
async function startTimes(digest: string): Promise<string[]> {
  const records = join(product.home, 'store/records', digest);
  const texts = (await readdir(records)).map((attempt) => readFile(join(records, attempt, 'record.json'), 'utf8'));
  return (await Promise.all(texts)).map(
    (text) => z.object({ startedAt: z.string() }).parse(JSON.parse(text)).startedAt,
  );
}

/** Every activity that came to its end, with the attempt that did it. */
function completedActivities({ events }: z.infer<typeof history>) {
  return events.flatMap(({ eventTime, activityTaskCompletedEventAttributes: completed }) => {
    if (completed === undefined) return [];
    const id = completed.scheduledEventId;
    const scheduled = events.find(({ eventId }) => eventId === id)?.activityTaskScheduledEventAttributes;
    const started = events.find((event) => event.activityTaskStartedEventAttributes?.scheduledEventId === id);
    const attempt = started?.activityTaskStartedEventAttributes?.attempt ?? 0;
    return [{ name: scheduled?.activityType.name ?? '', attempt, completedAt: eventTime }];
  });
}
