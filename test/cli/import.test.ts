import { existsSync } from 'node:fs';
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { enginesmith, specFile, temporaryDirectory } from './cli-fixture.js';

const fixture = (name: string): string => fileURLToPath(new URL(`../fixtures/import/${name}`, import.meta.url));

/** Runs an import into a directory of its own. */
async function importFile(script: string, ...options: string[]) {
  const directory = join(await temporaryDirectory(), 'specs');
  return { directory, ...(await enginesmith(['import', script, '--output', directory, ...options])) };
}

const script = (content: string | Buffer, name = 'deploy.sh') => specFile(content, name);

const pipeline = `# TensorRT-LLM v0.10.0, https://huggingface.co/meta-llama/Llama-2-7b
python quantize.py --model_dir /m/Llama-2-7b --output_dir /w/c
trtllm-build --checkpoint_dir /w/c --output_dir /w/e
`;

describe('enginesmith import', () => {
  it('writes specs that validate, and prints nothing else about a clean script', async () => {
    const { directory, exitCode, stdout, stderr } = await importFile(fixture('clean.sh'));
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' });
    const file = join(directory, 'smollm2-1-7b-fp8-tp2.yaml');
    expect(stdout).toBe(`Specs:\n  ${file}\n\nNext: npx enginesmith validate ${file}`);
    const validated = await enginesmith(['validate', file]);
    expect(validated).toMatchObject({ exitCode: 0, stderr: '' });
  });

  it('names every spec to validate', async () => {
    const { directory, stdout } = await importFile(
      await script(`${pipeline}trtllm-build --checkpoint_dir /w/c --output_dir /w/f --max_batch_size 4\n`),
    );
    const commands = ['llama-2-7b-fp16', 'llama-2-7b-fp16-2'].map(
      (name) => `  npx enginesmith validate ${join(directory, `${name}.yaml`)}`,
    );
    expect(stdout.split('\n').slice(-3)).toEqual(['Next:', ...commands]);
  });

  it('prints paths and findings as JSON', async () => {
    const { directory, stdout } = await importFile(
      await script(`${pipeline}trtllm-build --max_batch_siez 4\n`),
      '--json',
    );
    expect(JSON.parse(stdout)).toEqual({
      specs: [join(directory, 'llama-2-7b-fp16.yaml')],
      findings: [
        {
          code: 'unknown-flag',
          severity: 'error',
          line: 4,
          field: '--max_batch_siez',
          message: 'trtllm-build of v0.10.0: there is no --max_batch_siez',
          fix: 'Did you mean --max_batch_size?',
        },
      ],
    });
  });

  it('groups findings by line, in 80 columns, and counts them', async () => {
    const { exitCode, stdout } = await importFile(fixture('notes.md'));
    expect(exitCode).toBe(0);
    const findings = stdout.split('\nSpecs:')[0] ?? '';
    expect(Math.max(...findings.split('\n').map((line) => line.length))).toBeLessThanOrEqual(80);
    expect(findings.match(/^line 46$/gm)).toHaveLength(1);
    expect(findings).toMatch(/^\d+ errors, \d+ warnings, \d+ notes$/m);
  });

  it('leaves a file as it is: the same one is fine, another one stops it before anything is written', async () => {
    const file = await script(pipeline);
    const { directory } = await importFile(file);
    const spec = join(directory, 'llama-2-7b-fp16.yaml');
    expect(await enginesmith(['import', file, '--output', directory])).toMatchObject({ exitCode: 0, stderr: '' });
    await writeFile(spec, 'mine');
    const more = await script(`${pipeline}trtllm-build --checkpoint_dir /w/c --output_dir /w/f\n`);
    const { exitCode, stderr } = await enginesmith(['import', more, '--output', directory]);
    expect(exitCode).toBe(2);
    expect(stderr.replaceAll(/\s+/g, ' ')).toContain(
      'remove what you do not need, or name another directory with --output',
    );
    expect(await readFile(spec, 'utf8')).toBe('mine');
    expect(await readdir(directory)).toEqual(['llama-2-7b-fp16.yaml']);
  });

  it('exits 2 where no spec can be made, with the findings', async () => {
    const { exitCode, stdout, directory } = await importFile(
      await script('# v0.10.0\ntrtllm-build --checkpoint_dir c'),
    );
    expect(exitCode).toBe(2);
    expect(stdout).toContain('checkpoint-never-made');
    expect(stdout).toMatch(/No spec could be made\.$/);
    expect(existsSync(directory)).toBe(false);
  });

  it.each([
    ['nothing of TensorRT-LLM', 'echo hello\n', 'has no command of TensorRT-LLM'],
    ['an empty file', '', 'has no command of TensorRT-LLM'],
    ['a NUL byte', 'trtllm-build\ntrtllm\0build\n', 'has a NUL byte in line 2'],
    ['what is no UTF-8', Buffer.from([0x61, 0x0a, 0x0a, 0xff, 0xfe, 0x0a]), 'is not UTF-8 text: line 3'],
    ['10 MB', `${pipeline}${'# long\n'.repeat(1_500_000)}`, 'is larger than 512 KiB'],
    ['a block without end', `${pipeline}${'echo a\n'.repeat(30_000)}`, 'line 1: more than 128 KiB of shell'],
    [
      'a loop in loops',
      `${pipeline}${'for a in 1 2 3 4 5 6 7 8; do '.repeat(7)}:;${'done;'.repeat(7)}`,
      'line 4: the script has done more than 50000 steps',
    ],
    [
      'a variable that doubles',
      `A=aaaaaaaa\n${'A=$A$A\n'.repeat(11)}${'echo $A $A $A $A $A\n'.repeat(200)}`,
      'more than 8 MiB of words',
    ],
  ])('refuses %s, saying what and where', async (_, content, problem) => {
    const { exitCode, stdout, stderr } = await importFile(await script(content));
    expect({ exitCode, stdout }).toEqual({ exitCode: 2, stdout: '' });
    expect(stderr.replaceAll(/\s+/g, ' ')).toContain(problem);
  });

  it('refuses a file that is not there, and a directory', async () => {
    const missing = await importFile('/no/such/script.sh');
    expect(missing).toMatchObject({ exitCode: 2, stderr: expect.stringContaining('does not exist') });
    expect(await importFile(await temporaryDirectory())).toMatchObject({ exitCode: 2, stdout: '' });
  });

  it('runs nothing of what it reads', async () => {
    const directory = await temporaryDirectory();
    const marker = join(directory, 'ran');
    await mkdir(join(directory, 'kept'));
    const content = `${pipeline}X=$(touch ${marker})
trtllm-build --checkpoint_dir "$(touch ${marker})" --output_dir \`touch ${marker}\` $(rm -rf ${directory}/kept)
eval "touch ${marker}"; touch ${marker}; rm -rf ${directory}/kept
cat <(touch ${marker}) <<EOF
$(touch ${marker})
EOF
bash -c 'touch ${marker}'
`;
    const { exitCode } = await importFile(await script(content));
    expect(exitCode).toBe(0);
    expect(await readdir(directory)).toEqual(['kept']);
  });

  it.each([
    ['quotes', '"$('.repeat(12_000)],
    ['expansions', '${a:-'.repeat(12_000)],
    ['replacements', '${a//'.repeat(12_000)],
    ['parentheses', '('.repeat(60_000)],
    ['braces', '{a,'.repeat(20_000)],
    ['unfinished conditions', 'if '.repeat(20_000)],
    ['backticks', '`\\`'.repeat(20_000)],
    ['directories', 'cd a\n'.repeat(10_000)],
  ])('comes to an end with many %s', async (_, content) => {
    const { exitCode } = await importFile(await script(`${pipeline}${content}`));
    expect(exitCode).toBe(0);
  });

  it('counts the lines of a file from Windows as they are', async () => {
    const windows = `${pipeline}trtllm-build --max_batch_siez 4\n`.replaceAll('\n', '\r\n');
    const { stdout } = await importFile(await script(windows), '--json');
    expect(JSON.parse(stdout)).toMatchObject({ findings: [{ code: 'unknown-flag', line: 4 }] });
  });
});
