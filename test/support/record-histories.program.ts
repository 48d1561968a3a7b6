import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Client } from '@temporalio/client';
import { historyToJSON } from '@temporalio/common/lib/proto-utils.js';
import type { SpecInput } from '../../src/contracts/spec.js';
import { createEnginesmithClient, type EnginesmithClient } from '../../src/enginesmith-client.js';
import { type ChaosEnvironment, type ChaosOptions, startChaosEnvironment } from './chaos-environment.js';
import { processesNaming } from './processes.js';
import { tinySpec } from './tiny-repositories.js';
import { until } from './until.js';

/*
 * Records what pipelines and deployments of this build write into Temporal, for test/replay: real servers, real tools, the
 * tiny model. Takes some minutes, and what `npm run build` compiled:
 *
 *   npx tsx test/support/record-histories.program.ts RELEASE [DIRECTORY]
 *
 * Ran once for each release, before it; what it has written once is never recorded anew.
 */
const [release, target = fileURLToPath(new URL('../histories', import.meta.url))] = process.argv.slice(2);
if (release === undefined || !/^\d+\.\d+\.\d+$/.test(release)) {
  process.stderr.write('Which release? npx tsx test/support/record-histories.program.ts 1.2.3\n');
  process.exit(2);
}

const edited = (change: (spec: SpecInput) => void): SpecInput => {
  const spec = tinySpec('tiny');
  change(spec);
  return spec;
};

/** What there is to record with: an environment of its own, and where its histories go. */
interface Recording {
  environment: ChaosEnvironment;
  enginesmith: EnginesmithClient;
  saveDeployment(scenario: string): Promise<void>;
  savePipeline(workflowId: string, scenario: string, runId?: string): Promise<void>;
  /** Runs a pipeline to its end, whatever that is, and saves it. */
  run(spec: SpecInput, scenario: string): Promise<string>;
}

await withEnvironment({}, recordPipelines);
await withEnvironment({ devices: 1 }, recordYield);
await withEnvironment({}, recordFall);

async function recordPipelines(recording: Recording): Promise<void> {
  const { environment, enginesmith, run, savePipeline, saveDeployment } = recording;
  const { toolchain } = environment;
  const first = await run(tinySpec('tiny'), 'deployed');
  await run(
    edited((spec) => Object.assign(spec, { serving: { instances: 2 } })),
    'reused-and-deployed-again',
  );
  await run(
    edited(({ gate }) => Object.assign(gate, { limits: { top1Agreement: 0.999 } })),
    'rejected-by-a-limit',
  );
  await run(
    edited((spec) => Object.assign(spec, { model: { repository: 'tiny/nowhere' } })),
    'not-admitted',
  );
  await run(
    edited((spec) => Object.assign(spec, { serving: { instances: 3 }, smoke: { firstTokenWithinSeconds: 1e-6 } })),
    'promotion-failed',
  );

  const letGo = await toolchain.hold('trtllm-build', 'before');
  const before = (await toolchain.runs()).length;
  const cancelled = await enginesmith.start(
    edited((spec) => Object.assign(spec, { build: { ...spec.build, maxBatchSize: 3 } })),
  );
  await until('a build', async () => (await toolchain.runs()).length > before + 1 || undefined);
  await enginesmith.cancel(cancelled.workflowId);
  await enginesmith.result(cancelled.workflowId).catch(() => undefined);
  await letGo();
  await savePipeline(cancelled.workflowId, 'cancelled-while-it-builds');

  const resumed = await enginesmith.resume(first, { from: 'engine' });
  await enginesmith.result(first, resumed.runId);
  await savePipeline(first, 'resumed-from-engine', resumed.runId);

  await enginesmith.rollback('tiny', 1);
  await enginesmith.stop('tiny');
  await saveDeployment('promoted-rolled-back-and-stopped');
}

/** A pipeline whose name serves from the only device. */
async function recordYield({ enginesmith, run, saveDeployment }: Recording): Promise<void> {
  const { workflowId } = await enginesmith.start(tinySpec('tiny'));
  await enginesmith.result(workflowId);
  await run(
    edited((spec) => {
      Object.assign(spec, { rollout: { whenBusy: 'yield' }, build: { ...spec.build, maxBatchSize: 3 } });
    }),
    'deployed-where-its-name-yielded',
  );
  // Only what serves changes: nothing is built, and the candidate takes the device in the place of the one that has it.
  await run(
    edited((spec) => {
      Object.assign(spec, { serving: { instances: 2 }, build: { ...spec.build, maxBatchSize: 3 } });
    }),
    'deployed-in-place',
  );
  await enginesmith.stop('tiny');
  await saveDeployment('yielded-and-replaced');
}

/** A Triton that ends, and does not come up when it is started again. */
async function recordFall({ environment: { places }, enginesmith, saveDeployment }: Recording): Promise<void> {
  const { workflowId } = await enginesmith.start(tinySpec('tiny'));
  await enginesmith.result(workflowId);
  const servers = () =>
    processesNaming(places.deployments).filter(({ command }) => /^\S+tritonserver --/.test(command));
  const killed = new Set<number>();
  const killNext = () =>
    until('another tritonserver', async () => {
      const next = servers().find(({ pid }) => !killed.has(pid));
      if (next === undefined) return undefined;
      killed.add(next.pid);
      process.kill(next.pid, 'SIGKILL');
      return true;
    });
  await killNext();
  await killNext();
  const state = () => enginesmith.deployment('tiny');
  await until('a failed start', async () => (await state()).trouble);
  await until('a Triton that serves', async () => (await state()).status === 'serving' || undefined);
  await enginesmith.stop('tiny');
  await saveDeployment('fell-and-came-back');
}

async function withEnvironment(options: ChaosOptions, record: (recording: Recording) => Promise<void>): Promise<void> {
  const environment = await startChaosEnvironment(options);
  try {
    const { client } = environment;
    const enginesmith = createEnginesmithClient({ client });
    const save = (workflowId: string, type: string, scenario: string, runId?: string): Promise<void> =>
      saveHistory(client, { workflowId, runId, path: join(target, type, `${release}-${scenario}.json`) });
    const savePipeline: Recording['savePipeline'] = (workflowId, scenario, runId) =>
      save(workflowId, 'quantize-build-deploy', scenario, runId);
    await record({
      environment,
      enginesmith,
      savePipeline,
      saveDeployment: (scenario) => save('deployment/tiny', 'deployment', scenario),
      async run(spec, scenario) {
        const { workflowId } = await enginesmith.start(spec);
        await enginesmith.result(workflowId).catch(() => undefined);
        await savePipeline(workflowId, scenario);
        return workflowId;
      },
    });
  } finally {
    await environment.dispose();
  }
}

async function saveHistory(
  client: Client,
  { workflowId, runId, path }: { workflowId: string; runId: string | undefined; path: string },
): Promise<void> {
  const text = historyToJSON(await client.workflow.getHandle(workflowId, runId).fetchHistory());
  // Neither process ids nor paths of the machine that it was recorded on.
  const said: Record<string, string> = { identity: 'worker', stackTrace: '' };
  const compact = JSON.stringify(JSON.parse(text), (name, value: unknown) => said[name] ?? value);
  await mkdir(join(path, '..'), { recursive: true });
  await writeFile(path, `${compact}\n`, { flag: 'wx' });
  process.stdout.write(`${path}\n`);
}
