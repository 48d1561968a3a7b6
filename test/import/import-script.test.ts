import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { benchmarkSpecSchema } from '../../src/contracts/benchmark-spec.js';
import { parseSpec } from '../../src/contracts/parse-spec.js';
import { visionLanguageSpecSchema } from '../../src/contracts/vision-language-spec.js';
import { importScript } from '../../src/import/import-script.js';
import { checkSpec } from '../../src/toolchains/check-spec.js';

const fixture = (name: string): string => readFileSync(new URL(`../fixtures/import/${name}`, import.meta.url), 'utf8');

const importNotes = () => importScript(fixture('notes.md'), { kind: 'markdown', origin: 'notes.md' });
const importShell = (text: string) => importScript(text, { kind: 'script', origin: 'deploy.sh' });

/** Codes with their lines, of a script that says its release. */
const found = (text: string): string[] =>
  importShell(`# TensorRT-LLM v0.10.0, https://huggingface.co/meta-llama/Llama-2-7b\n${text}`).findings.map(
    ({ code, line, field }) => `${line} ${code} ${field}`,
  );

const quantize = 'python quantize.py --model_dir /m/Llama-2-7b --output_dir /w/c';
const build = 'trtllm-build --checkpoint_dir /w/c --output_dir /w/e --gemm_plugin float16';

/** The only spec of a script, parsed. */
function specOf(text: string) {
  const { specs } = importShell(`# TensorRT-LLM v0.10.0, https://huggingface.co/meta-llama/Llama-2-7b\n${text}`);
  expect(specs).toHaveLength(1);
  return parseSpec(parse(specs[0]?.yaml ?? ''), 'deploy.sh');
}

describe('importScript, of a page', () => {
  it('finds everything that is wrong in it, by line', async () => {
    const golden = `${JSON.stringify(importNotes().findings, null, 2)}\n`;
    await expect(golden).toMatchFileSnapshot('../fixtures/import/notes.findings.json');
  });

  it('writes a spec for each engine and each benchmark', async () => {
    const { specs } = importNotes();
    for (const { name, yaml } of specs) await expect(yaml).toMatchFileSnapshot(`../fixtures/import/notes/${name}.yaml`);
    expect(specs.map(({ name }) => name)).toEqual([
      'mistral-7b-v0-2-fp16',
      'qwen2-7b-fp16-tp2',
      'qwen2-72b-fp8-tp2',
      'mistral-7b-v0-2-int4-wo',
      'qwen-vl-chat',
      'baichuan2-7b-benchmark',
    ]);
  });

  it('writes specs that pass the schema of their kind, and deployments that can be built', () => {
    const parsed = importNotes().specs.map(({ name, yaml }) => {
      const value: unknown = parse(yaml);
      if (name === 'qwen-vl-chat') return visionLanguageSpecSchema.parse(value).kind;
      if (name === 'baichuan2-7b-benchmark') return benchmarkSpecSchema.parse(value).kind;
      const spec = parseSpec(value, name);
      checkSpec(spec);
      return spec.kind;
    });
    expect(new Set(parsed)).toEqual(new Set(['deployment', 'vision-language', 'benchmark']));
  });

  it('quotes no secret', () => {
    const { specs, findings } = importNotes();
    expect(JSON.stringify({ specs, findings })).not.toContain('hf_abcdef');
  });

  it('takes what a terminal session printed for no command', () => {
    const page =
      '# TensorRT-LLM v0.10.0\n```console\n$ ls \\\n  /models\ntrtllm-build --nonsense\n$ trtllm-build --dry\n```\n';
    const { findings } = importScript(page, { kind: 'markdown', origin: 'page.md' });
    expect(findings.map(({ code, line }) => `${line} ${code}`)).toEqual([]);
  });
});

describe('importScript, of a clean script', () => {
  it('finds nothing', () => {
    expect(importShell(fixture('clean.sh')).findings).toEqual([]);
  });

  it('writes what it does, with its functions, loops and arithmetic followed', async () => {
    const [spec, ...others] = importShell(fixture('clean.sh')).specs;
    expect(others).toEqual([]);
    await expect(spec?.yaml).toMatchFileSnapshot('../fixtures/import/clean.yaml');
  });
});

describe('importScript, of shell', () => {
  it.each([
    ['a variable', `B=4\n${quantize}\n${build} --max_batch_size $B`],
    ['an exported variable in braces', `export B=4\n${quantize}\n${build} --max_batch_size=\${B}`],
    ['a default', `${quantize}\n${build} --max_batch_size \${B:-4}`],
    ['a variable that holds flags', `F="--max_batch_size 4 --max_beam_width 1"\n${quantize}\n${build} $F`],
    ['a sum', `B=3\n${quantize}\n${build} --max_batch_size $((B + 1))`],
    ['an argument of a function', `b() { ${build} --max_batch_size $1; }\n${quantize}\nb 4`],
    ['a continued line', `${quantize}\n${build} \\\n  --max_batch_size \\\n  4`],
    ['a prefix of a flag', `${quantize}\n${build} --max_batch 4`],
    ['a condition', `${quantize}\nif [ -z "$X" ]; then B=4; fi\n${build} --max_batch_size $B`],
    ['a subshell and its own variables', `B=4\n(B=9)\n${quantize}\n${build} --max_batch_size $B`],
    [
      'a working directory',
      `cd /w/sub\npython quantize.py --model_dir /m/Llama-2-7b --output_dir ../c\n${build} --max_batch_size 4`,
    ],
    ['a here-document before it', `cat <<EOF\ntrtllm-build --nonsense\nEOF\n${quantize}\n${build} --max_batch_size 4`],
    [
      'launchers before it',
      `${quantize}\nsudo CUDA_VISIBLE_DEVICES=0 mpirun -n 1 --allow-run-as-root -x A=1 ${build} --max_batch_size 4`,
    ],
    [
      'a shell in a container',
      `docker run --gpus all ours:v0.10.0 bash -c '${quantize} && ${build} --max_batch_size 4'`,
    ],
    [
      'programs in a container',
      `docker run --rm ours:v0.10.0 ${quantize}\ndocker exec -it box ${build} --max_batch_size 4`,
    ],
    [
      'a new directory',
      `C=$(mktemp -d)\npython quantize.py --model_dir /m/Llama-2-7b --output_dir $C\ntrtllm-build --checkpoint_dir "$C" --output_dir /w/e --max_batch_size 4`,
    ],
    [
      'a directory of the process',
      `C=/tmp/c-$$\npython quantize.py --model_dir /m/Llama-2-7b --output_dir $C\ntrtllm-build --checkpoint_dir $C --output_dir $PWD/e --max_batch_size 4`,
    ],
  ])('follows %s', (_, text) => {
    expect(specOf(text).build).toMatchObject({ maxBatchSize: 4 });
    expect(found(text)).toEqual([]);
  });

  it('takes what only running would tell for unknown, says so, and goes on', () => {
    expect(found(`${quantize}\n${build} --max_batch_size $(nproc) --max_input_len $N`)).toEqual([
      '3 unknown-value $(nproc)',
      '3 unknown-value $N',
    ]);
    expect(specOf(`${quantize}\n${build} --max_batch_size $(nproc)`).build.maxBatchSize).toBe(8);
  });

  it('follows a loop turn by turn, to one engine each', () => {
    const { specs } = importShell(
      `# TensorRT-LLM v0.10.0, https://huggingface.co/meta-llama/Llama-2-7b\nfor f in fp8 int8_sq; do\n${quantize}-$f --qformat $f\ntrtllm-build --checkpoint_dir /w/c-$f --output_dir /w/e-$f\ndone`,
    );
    expect(specs.map(({ name }) => name)).toEqual(['llama-2-7b-fp8', 'llama-2-7b-int8-sq']);
  });

  it.each([
    ['--max_ba=x', 'bad-value'],
    ['--max_batch_siez 4', 'unknown-flag'],
    ['--max 4', 'ambiguous-flag'],
    ['--max_batch_size', 'missing-value'],
    ['--gemm_plugin int8', 'bad-value'],
    ['--strongly_typed=true', 'bad-value'],
    ['extra', 'stray-argument'],
  ])('finds the mistake in trtllm-build %s: %s', (flags, code) => {
    expect(found(`${quantize}\n${build} ${flags}`).map((line) => line.split(' ')[1])).toEqual([code]);
  });

  it.each([
    ['missing-flag', 'python run.py --engine_dir /e'],
    ['unknown-program', 'python examples/falcon/convert_checkpoint.py --model_dir /m --output_dir /w/c'],
    [
      'checkpoint-from-another-recipe',
      'python llama/convert_checkpoint.py --model_dir /m --output_dir /c --use_weight_only',
    ],
    ['engine-never-built', `${quantize}\n${build}\npython summarize.py --test_trt_llm --engine_dir /w/other`],
    ['name-says-other-parallelism', `${quantize}\n${build} --output_dir /w/e-tp4`],
    ['image-tag-reused', `docker build -t ours -f A .\ndocker build --tag=ours -f B .\n${quantize}`],
    ['not-a-spec', `${quantize}\n${build} --max_batch_size 999999`],
    ['not-a-spec', 'gptManagerBenchmark --engine_dir /m/Llama-2-7b/engine --dataset /d.json'],
    ['flag-without-field', `${quantize} --dtype float32\n${build}`],
    ['flag-without-field', `${quantize}\n${build} --logits_dtype float16`],
  ])('says %s of %s', (code, text) => {
    expect(found(text).map((line) => line.split(' ')[1])).toEqual([code]);
  });

  it('says which releases have a flag that this one lacks', () => {
    const { findings } = importShell(`# TensorRT-LLM v0.12.0\ntrtllm-build --max_output_len 9 --checkpoint_dir a`);
    expect(findings.find(({ code }) => code === 'unknown-flag')?.message).toBe(
      'trtllm-build of v0.12.0: there is no --max_output_len; v0.9.0, v0.10.0 and v0.11.0 have it',
    );
  });

  it('says where the shell would stop, and reads the rest', () => {
    expect(found(`${quantize}\n${build}\nif true; then`)).toEqual(['4 shell-syntax shell']);
  });

  it('gives no spec to a model that nothing tells', () => {
    const { specs, findings } = importShell(
      `# v0.10.0\npython quantize.py --model_dir /m/secret-7b --output_dir /w/c\n${build}`,
    );
    expect(specs).toEqual([]);
    expect(findings).toMatchObject([{ code: 'repository-unknown', severity: 'error', line: 2 }]);
  });

  it('forgets what is removed', () => {
    expect(found(`${quantize}\nrm -rf /w\n${build}`)).toEqual(['4 checkpoint-never-made --checkpoint_dir']);
  });

  it('finds nothing wrong with a benchmark that resets its clocks and reads what it wrote', () => {
    const reset = (text: string) => `${text}
nvidia-smi -i 0 -lgc 1980
python3 benchmarks/cpp/prepare_dataset.py --output /d/a.json --tokenizer /m/Llama-2-7b token-norm-dist \\
  --num-requests 10 --input-mean 100 --input-stdev 0 --output-mean 20 --output-stdev 0
CUDA_VISIBLE_DEVICES=0 ./gptManagerBenchmark --engine_dir /e --type IFB --dataset /d/a.json --streaming`;
    expect(found(reset("trap 'nvidia-smi -i 0 -rgc' EXIT"))).toEqual([]);
    expect(found(reset('undo() { nvidia-smi -i 0 -rgc; }; trap undo EXIT'))).toEqual([]);
    expect(found(reset(''))).toEqual(['3 clocks-never-reset -lgc']);
  });

  it('says that it had to assume a release', () => {
    expect(importShell(`${quantize}`).findings).toMatchObject([{ code: 'release-assumed', severity: 'note', line: 1 }]);
    expect(importShell(`# TensorRT-LLM v0.16.0\n${quantize}`).findings[0]?.message).toBe(
      'the script is for v0.16.0, which is not known; it is read as v0.13.0',
    );
  });
});
