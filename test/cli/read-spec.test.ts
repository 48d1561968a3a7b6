import { readdir, readFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { describe, expect, it } from 'vitest';
import { readAnySpec, readSpec } from '../../src/cli/read-spec.js';
import { example, specFile, temporaryDirectory } from './cli-fixture.js';

/** They run without a GPU. */
const small = ['fp8', 'fp8-tp3', 'int4-awq', 'int4-wo', 'int8-kv', 'bad-revision', 'prompts'].map(
  (suffix) => `smollm2-135m-${suffix}`,
);
/** Pipelines of the application notes. */
const ofTheNotes = [
  'llama2-13b-fp16',
  'qwen2-7b-fp16-tp4',
  'qwen-vl-chat',
  'llama2-13b-int4-wo',
  'qwen2-7b-fp8',
  'qwen2-7b-fp8-hopper',
  'qwen2-72b-fp8-tp2',
  'baichuan2-13b-benchmark',
];
const examples = [...small, ...ofTheNotes];
const fp8 = await readFile(example('smollm2-135m-fp8'), 'utf8');

/** What the user is told about a file of this content. */
const refusal = async (content: string | Buffer): Promise<string> => {
  const file = await specFile(content);
  const failure = await readSpec(file).catch((error: unknown) => error);
  expect(failure).toMatchObject({ name: 'EnginesmithFailure', type: 'InvalidSpec' });
  return (failure as Error).message.replaceAll(file, 'spec.yaml');
};

describe('the examples', () => {
  it.each(examples)('%s is valid', async (name) => {
    await expect(readAnySpec(example(name))).resolves.toMatchObject({ name });
  });

  it('are all named above', async () => {
    const files = await readdir(dirname(example('any')));
    expect(files.sort()).toEqual(examples.map((name) => `${name}.yaml`).sort());
  });

  it('carry one and the same gate block, but for prompts, and for a baseline with ranks of its own', async () => {
    const articles = small.filter((name) => !name.endsWith('prompts'));
    const gates = await Promise.all(articles.map(async (name) => (await readSpec(example(name))).gate));
    for (const gate of gates) {
      const { parallelism: _, ...baseline } = gate.baseline;
      expect({ ...gate, baseline }).toEqual(gates[0]);
    }
  });
});

describe('a spec file', () => {
  it('may be JSON, indented with tabs', async () => {
    const spec = await readSpec(example('smollm2-135m-fp8'));
    await expect(readSpec(await specFile(JSON.stringify(spec, null, '\t'), 'spec.json'))).resolves.toEqual(spec);
  });

  it('may share a block by an alias', async () => {
    const shared = fp8
      .replace('    dataset: {', '    dataset: &articles {')
      .replace(/(gate:\n {2}dataset: ).*/, '$1*articles');
    expect(shared).toContain('dataset: *articles');
    await expect(readSpec(await specFile(shared))).resolves.toEqual(await readSpec(example('smollm2-135m-fp8')));
  });

  it('that has a syntax error is refused with line and column', async () => {
    expect(await refusal(fp8.replace('  format: fp8', '  format: [fp8'))).toMatch(/at line \d+, column \d+/);
  });

  it('that has a key twice is refused with the line of the second', async () => {
    expect(await refusal('name: a\nname: b\n')).toContain('Map keys must be unique at line 2');
  });

  it('that has an unknown key is refused by its full name', async () => {
    expect(await refusal(fp8.replace('  maxBatchSize:', '  maxBatch:'))).toContain('build.maxBatch: unknown key');
  });

  it('that has a value of a wrong type is refused by its full name', async () => {
    expect(await refusal(fp8.replace(/articles: \d+/, 'articles: many'))).toMatch(
      /gate\.articles: .*expected (number|int)/,
    );
  });

  it('that has fields that do not fit each other is refused with both', async () => {
    expect(await refusal(fp8.replace('maxInputTokens: 512', 'maxInputTokens: 2048'))).toMatch(
      /gate\.maxInputTokens: 2048 is more than build\.maxInputTokens 1024/,
    );
  });

  it.each(['../etc', 'a/b', 'a\\b', '..', '--flag', ''])('that is named %j is refused', async (name) => {
    expect(await refusal(fp8.replace('name: smollm2-135m-fp8', `name: ${JSON.stringify(name)}`))).toContain(
      'name: must be',
    );
  });

  it.each([
    ['repository: HuggingFaceTB/SmolLM2-135M-Instruct', 'repository: --trust-remote-code', 'model.repository'],
    ['repository: HuggingFaceTB/SmolLM2-135M-Instruct', 'repository: ../../etc/passwd', 'model.repository'],
    ['revision: main\n\n', 'revision: --output\n\n', 'model.revision'],
    ['  metric: rougeLsum', '  metric2: --x', 'gate.metric2'],
  ])('in which %j became %j is refused at %s', async (was, is, field) => {
    expect(await refusal(fp8.replace(was, is))).toContain(`${field}:`);
  });

  it('whose smoke prompt starts like a flag is refused', async () => {
    expect(await refusal(fp8.replace('smoke: {', 'smoke: { prompt: "--help",'))).toContain(
      'smoke.prompt: must not start with "--"',
    );
  });

  it('of 10 MB is refused by its size', async () => {
    expect(await refusal(Buffer.alloc(10_000_000, '# padding\n'))).toBe(
      'spec.yaml is larger than 64 KiB: it is no spec',
    );
  });

  it('with an alias bomb is refused before it is expanded', async () => {
    const bomb = [
      'a: &a [x,x,x,x,x,x,x,x,x]',
      ...'bcdefghi'.split('').map((letter, index) => {
        const previous = 'abcdefgh'[index];
        return `${letter}: &${letter} [${Array(9).fill(`*${previous}`).join(',')}]`;
      }),
    ];
    const startedAt = performance.now();
    expect(await refusal(bomb.join('\n'))).toContain('aliases that cannot be used');
    expect(performance.now() - startedAt).toBeLessThan(2_000);
  });

  it('that is nested without end is refused', async () => {
    expect(await refusal('['.repeat(60_000))).toMatch(/nested too deeply|cannot be used|is not YAML/);
  });

  it('that quotes a token where its syntax breaks is refused without it', async () => {
    const said = await refusal('model: [hf_abcdefghijklmnopqrstuvwxyz0123\nname: "x\n');
    expect(said).toMatch(/is not YAML or JSON that can be used: .* at line \d+, column \d+$/);
    expect(said).not.toContain('hf_abcdef');
  });

  it('with several documents, a tag of its own, or no text at all is refused', async () => {
    expect(await refusal('a: 1\n---\nb: 2\n')).toContain('has several YAML documents: a file holds one spec');
    expect(await refusal('a: !!js/function "x"\n')).toContain('Unresolved tag');
    expect(await refusal(Buffer.from([0xff, 0xfe, 0x00, 0x80]))).toContain('is not UTF-8 text');
    expect(await refusal('')).toContain('spec.yaml is empty: a spec is a mapping of fields');
  });

  it('that is not there, or is a directory, is named', async () => {
    await expect(readSpec('/nowhere/spec.yaml')).rejects.toThrow(
      '/nowhere/spec.yaml cannot be read: it does not exist',
    );
    const directory = await temporaryDirectory();
    await expect(readSpec(directory)).rejects.toThrow(`${directory} cannot be read: `);
  });
});
