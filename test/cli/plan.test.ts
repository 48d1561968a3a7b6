import { describe, expect, it } from 'vitest';
import { makePlan, type Plan, type PlanContext } from '../../src/cli/make-plan.js';
import { planText } from '../../src/cli/plan-text.js';
import { readSpec } from '../../src/cli/read-spec.js';
import { enginesmith, example } from './cli-fixture.js';

const commit = 'a'.repeat(40);
const toolchain = { name: 'reference-cpu', release: 'v0.10.0', identity: 'd'.repeat(64) };
const emptyStore: PlanContext = {
  toolchain,
  servingHost: 'host-a',
  lookup: async () => undefined,
  hasArtifact: async () => false,
  resolveCommit: async () => commit,
};

const actions = ({ steps }: Plan) =>
  Object.fromEntries(steps.map(({ name, action, reason }) => [name, `${action}: ${reason}`]));
const keys = ({ steps }: Plan) => Object.fromEntries(steps.map(({ name, key }) => [name, key]));

describe('enginesmith plan', () => {
  it.each(['smollm2-135m-fp8', 'smollm2-135m-fp8-tp3'])(
    'prints the steps and command lines of a spec whose revisions are still open: %s',
    async (name) => {
      const { exitCode, stdout, stderr } = await enginesmith(['plan', '--json', example(name)]);
      expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' });
      const golden = `${JSON.stringify(JSON.parse(stdout), null, 2)}\n`;
      await expect(golden).toMatchFileSnapshot(`../fixtures/cli/plan-${name}.json`);
    },
  );

  it('prints a table of at most 80 columns, whatever the serving host is called', async () => {
    const { exitCode, stdout } = await enginesmith(['plan', example('smollm2-135m-fp8')], {
      ENGINESMITH_HOST: 'a-host-with-a-very-long-name.in.some.datacentre.example',
    });
    expect(exitCode).toBe(0);
    expect(Math.max(...stdout.split('\n').map((line) => line.length))).toBeLessThanOrEqual(80);
    expect(stdout).toMatch(/^baseline-checkpoint {4}maybe {3}- {5}enginesmith-cpu {10}after download$/m);
  });
});

describe('makePlan', () => {
  it('runs what an empty store lacks, and waits for it with what comes after', async () => {
    const plan = await makePlan(await readSpec(example('smollm2-135m-fp8')), emptyStore);
    expect(actions(plan)).toMatchObject({
      model: 'run: not in the store',
      dataset: 'run: not in the store',
      checkpoint: 'maybe: after download',
      engine: 'maybe: after quantize',
      'baseline-engine': 'maybe: after convert',
      'shard-1': 'maybe: after download',
      'evaluation-1': 'maybe: after build',
      'agreement-1': 'maybe: after build',
      'gate-1': 'maybe: after evaluate',
      promote: 'maybe: after gate',
    });
  });

  it('reuses what the store has, and knows the key of the first step that it lacks', async () => {
    const spec = await readSpec(example('smollm2-135m-fp8'));
    const { model, dataset } = keys(await makePlan(spec, emptyStore));
    const store = new Map([
      [model, '1'.repeat(64)],
      [dataset, '2'.repeat(64)],
    ]);
    const plan = await makePlan(spec, { ...emptyStore, lookup: async (key) => store.get(key) });
    expect(actions(plan)).toMatchObject({
      model: 'reuse: in the store',
      dataset: 'reuse: in the store',
      checkpoint: 'run: not in the store',
      'baseline-checkpoint': 'run: not in the store',
      engine: 'maybe: after quantize',
    });
    expect(keys(plan).checkpoint).toMatch(/^[0-9a-f]{64}$/);
    expect(keys(plan).checkpoint).not.toBe(keys(plan)['baseline-checkpoint']);
  });

  it('reuses everything up to the promotion when only serving differs', async () => {
    const spec = await readSpec(example('smollm2-135m-fp8'));
    const everything = { ...emptyStore, lookup: async (key: string) => key };
    const before = await makePlan(spec, everything);
    const after = await makePlan({ ...spec, serving: { ...spec.serving, instances: 3 } }, everything);
    const upstream = (plan: Plan) => ({ ...keys(plan), 'serving-parameters': null });
    expect(upstream(after)).toEqual(upstream(before));
    expect(keys(after)['serving-parameters']).not.toBe(keys(before)['serving-parameters']);
  });

  it('leaves the keys of tools open where this host has another toolchain', async () => {
    const everything = { ...emptyStore, toolchain: null, lookup: async (key: string) => key };
    const plan = await makePlan(await readSpec(example('smollm2-135m-fp8')), everything);
    expect(actions(plan)).toMatchObject({ model: 'reuse: in the store', checkpoint: 'maybe: after admit' });
    expect(keys(plan).checkpoint).toBeNull();
  });

  it('downloads the baseline on its own when it is another revision', async () => {
    const plan = await makePlan(await readSpec(example('smollm2-135m-bad-revision')), {
      ...emptyStore,
      resolveCommit: async ({ revision }) => (revision === 'bad' ? 'b' : 'a').repeat(40),
    });
    expect(actions(plan)).toMatchObject({ model: 'run: not in the store', 'baseline-model': 'run: not in the store' });
    expect(keys(plan)['baseline-model']).not.toBe(keys(plan).model);
  });

  it('asks once for a branch that is named twice', async () => {
    const asked: string[] = [];
    await makePlan(await readSpec(example('smollm2-135m-fp8')), {
      ...emptyStore,
      resolveCommit: async ({ repository }) => {
        asked.push(repository);
        return commit;
      },
    });
    expect(asked.sort()).toEqual(['HuggingFaceTB/SmolLM2-135M-Instruct', 'enginesmith/cnn_dailymail']);
  });

  it('shows command lines that can be read, one flag a line', async () => {
    const plan = await makePlan(await readSpec(example('smollm2-135m-int4-wo')), emptyStore);
    expect(planText(plan, { commands: true })).toContain('    --qformat int4_wo \\\n');
  });
});
