import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { execa } from 'execa';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { parse, stringify } from 'yaml';
import { z } from 'zod';
import { specSchema } from '../../src/contracts/spec.js';
import { processesNaming } from '../support/processes.js';
import { createProduct, installation, lastJsonLine, type Product } from '../support/product.js';

const devRecord = z.object({
  temporalAddress: z.string(),
  children: z.array(z.object({ name: z.string(), process: z.object({ pid: z.number() }) })),
});

const history = z.object({
  events: z.array(
    z
      .object({
        eventId: z.string(),
        eventType: z.string(),
        activityTaskScheduledEventAttributes: z.object({ activityType: z.object({ name: z.string() }) }).optional(),
        activityTaskStartedEventAttributes: z.object({ scheduledEventId: z.string(), attempt: z.number() }).optional(),
      })
      .loose(),
  ),
});

const progress = z.object({
  steps: z.array(z.object({ name: z.string(), state: z.string() })).nullable(),
});

let product: Product;

const readDev = async () => devRecord.parse(JSON.parse(await readFile(join(product.home, 'dev.json'), 'utf8')));

/** Asks again until the answer is one; bounded. */
async function until<Answer>(what: string, ask: () => Promise<Answer | undefined>, timeoutMs: number): Promise<Answer> {
  const deadline = Date.now() + timeoutMs;
  for (;;) {
    const answer = await ask().catch(() => undefined);
    if (answer !== undefined) return answer;
    if (Date.now() > deadline) throw new Error(`no ${what} within ${timeoutMs} ms`);
    await delay(50);
  }
}

const temporal = async (args: string[]): Promise<unknown> => {
  const { temporalAddress } = await readDev();
  const { stdout } = await execa(
    installation.temporalServer,
    [...args, '--address', temporalAddress, '--output', 'json'],
    {
      timeout: 60_000,
    },
  );
  return JSON.parse(stdout);
};

const workerPid = async () => (await readDev()).children.find(({ name }) => name === 'worker')?.process.pid;

beforeAll(async () => {
  product = await createProduct();
}, 120_000);

afterAll(() => product.dispose(), 120_000);

describe('a worker that is killed in the middle of a build', () => {
  test('costs the pipeline nothing that was done, and leaves nothing behind', async () => {
    const spec = specSchema.parse(parse(await readFile('examples/smollm2-135m-int4-wo.yaml', 'utf8')));
    spec.name = 'killed-worker';
    spec.gate.articles = 2;
    spec.gate.maxOutputTokens = 16;
    const file = join(product.home, 'spec.yaml');
    await writeFile(file, stringify(spec));

    const pipeline = product.run(['demo', file, '--keep', '--json']);
    const workflowId = await until(
      'pipeline',
      async () => {
        const found = z
          .array(z.object({ execution: z.object({ workflowId: z.string() }) }).loose())
          .parse(await temporal(['workflow', 'list', '--query', 'WorkflowType="quantizeBuildDeploy"']));
        return found[0]?.execution.workflowId;
      },
      120_000,
    );
    await until(
      'running build',
      async () => {
        const answer = z
          .object({ queryResult: z.array(progress) })
          .parse(await temporal(['workflow', 'query', '--workflow-id', workflowId, '--type', 'progress']));
        const building = answer.queryResult[0]?.steps?.find(
          ({ name, state }) => name.endsWith('engine') && state === 'running',
        );
        return (
          building && processesNaming(`${product.home}/hosts`).find(({ command }) => command.includes('trtllm-build'))
        );
      },
      120_000,
    );
    const killed = await workerPid();
    process.kill(killed ?? 0, 'SIGKILL');

    const { exitCode, stdout, stderr } = await pipeline;
    // Two articles decide nothing: what counts here is that the pipeline came to its end.
    expect([0, 3], stderr).toContain(exitCode);
    const { steps } = lastJsonLine(stdout, z.object({ steps: z.array(z.object({ name: z.string() })) }).loose());
    expect(steps.length).toBeGreaterThanOrEqual(9);
    expect(await workerPid()).not.toBe(killed);

    const { events } = history.parse(await temporal(['workflow', 'show', '--workflow-id', workflowId]));
    const attempts = attemptsByActivity(events);
    for (const activity of ['admit', 'download', 'quantize', 'convert', 'evaluate']) {
      expect(attempts.get(activity), activity).toBe(1);
    }
    expect(attempts.get('build')).toBe(2);

    expect((await product.run(['dev', '--stop'])).exitCode).toBe(0);
    expect(processesNaming(product.home)).toEqual([]);
  }, 420_000);
});

/** The highest attempt of any activity of a type that ran to its end. */
function attemptsByActivity(events: z.infer<typeof history>['events']): Map<string, number> {
  const names = new Map(
    events.flatMap(({ eventId, activityTaskScheduledEventAttributes: scheduled }) =>
      scheduled ? [[eventId, scheduled.activityType.name] as const] : [],
    ),
  );
  const attempts = new Map<string, number>();
  for (const { activityTaskStartedEventAttributes: started } of events) {
    if (started === undefined) continue;
    const name = names.get(started.scheduledEventId) ?? '';
    attempts.set(name, Math.max(attempts.get(name) ?? 0, started.attempt));
  }
  return attempts;
}
