import { mkdir, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { enginesmith, specFile, temporaryDirectory } from './cli-fixture.js';

/** A safetensors file of one tensor. */
const header = '{"w":{"dtype":"F16","shape":[2],"data_offsets":[0,4]}}';
const weights = `${String.fromCharCode(header.length)}${'\0'.repeat(7)}${header}abcd`;

/** A model as the Hub's own cache keeps it: links to blobs, beside things that nobody needs. */
async function cachedModel(): Promise<string> {
  const directory = await temporaryDirectory();
  const snapshot = join(directory, 'snapshot');
  await mkdir(snapshot);
  await writeFile(join(directory, 'blob'), '{"architectures":["LlamaForCausalLM"]}');
  await symlink('../blob', join(snapshot, 'config.json'));
  await writeFile(join(snapshot, 'model.safetensors'), weights);
  await writeFile(join(snapshot, 'pytorch_model.bin'), 'the same once more');
  return snapshot;
}

const spec = (model: string) => `apiVersion: enginesmith/v1
name: ours
model: ${model}
quantization: { format: int4_wo }
build: { maxBatchSize: 2, maxInputTokens: 512, maxOutputTokens: 64 }
gate: { dataset: { repository: cnn_dailymail/cnn }, articles: 8, maxInputTokens: 256, maxOutputTokens: 8, margin: { points: 5 } }
`;

test('a model of this host is taken in, links and all, and a plan finds it by its digest', async () => {
  const home = { ENGINESMITH_HOME: await temporaryDirectory() };
  const { stdout, stderr, exitCode } = await enginesmith(['artifacts', 'import', 'model', await cachedModel()], home);
  expect(exitCode, stderr).toBe(0);
  expect(stdout).toMatch(
    /^Imported: model [0-9a-f]{64}\n\nmodel: \{ repository: local\/snapshot, revision: [0-9a-f]{64} \}$/,
  );
  const field = stdout.split('\n')[2]?.replace('model: ', '') ?? '';
  const planned = await enginesmith(['plan', '--json', await specFile(spec(field))], home);
  const { steps } = JSON.parse(planned.stdout);
  expect(steps[0]).toMatchObject({ name: 'model', action: 'reuse', reason: 'in the store' });
});

test('a digest that the store does not have is refused before anything starts, with what to do', async () => {
  const file = await specFile(spec(`{ repository: local/ours, revision: ${'ab'.repeat(32)} }`));
  const { exitCode, stderr } = await enginesmith(['validate', '--resolve', file]);
  const said = stderr.replaceAll(/\s+/g, ' ');
  expect(said).toContain('local/ours: revision abababababab is the digest of a model, which the store does not have.');
  expect(said).toContain('enginesmith artifacts import model DIRECTORY');
  expect(exitCode).toBe(2);
});

test('weights that were cut off are refused by their file, and an engine that is called a checkpoint by what it is', async () => {
  const directory = await cachedModel();
  await writeFile(join(directory, 'model.safetensors'), weights.slice(0, -1));
  const cut = await enginesmith(['artifacts', 'import', 'model', directory]);
  expect(cut.stderr.replaceAll(/\s+/g, ' ')).toContain('model.safetensors has 65 bytes, and its header announces 66');
  const engine = await temporaryDirectory();
  await writeFile(join(engine, 'config.json'), '{"version":"0.10.0","pretrained_config":{},"build_config":{}}');
  const called = await enginesmith(['artifacts', 'import', 'checkpoint', engine]);
  expect(called.stderr.replaceAll(/\s+/g, ' ')).toContain('is an engine: import it as one');
});

test('a directory without weights, and one that is not there, are refused by what is missing', async () => {
  const directory = await temporaryDirectory();
  await writeFile(join(directory, 'config.json'), '{}');
  const empty = await enginesmith(['artifacts', 'import', 'model', directory]);
  expect(empty.stderr).toContain('no safetensors weights');
  const absent = await enginesmith(['artifacts', 'import', 'engine', join(directory, 'absent')]);
  expect(absent.stderr.replaceAll(/\s+/g, ' ')).toContain('has no config.json: it is no whole engine');
});
