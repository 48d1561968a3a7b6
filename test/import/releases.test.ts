import { describe, expect, it } from 'vitest';
import { build, imported, quantize } from './import-fixture.js';

describe('importScript, of releases', () => {
  it.each([
    ['TRT-LLM 0.12', 'trtllm-0.12', []],
    ['TRT-LLM 0.12.0', 'trtllm-0.12', []],
    ['TensorRT-LLM v0.12.0', 'trtllm-0.12', []],
    ['tensorrt_llm 0.12', 'trtllm-0.12', []],
    ['TensorRT-LLM v0.14.0', 'trtllm-0.13', ['release-unknown']],
    [null, 'trtllm-0.10', ['release-assumed']],
  ])('reads "%s" as %s', (release, toolchain, codes) => {
    const { specs, findings } = imported(release, `${quantize}\n${build} --max_input_len 1024`);
    expect(specs).toMatchObject([{ toolchain }]);
    expect(findings.map(({ code }) => code).filter((code) => code.startsWith('release'))).toEqual(codes);
  });

  it.each([
    ['--kv_cache_type paged', 'trtllm-0.13'],
    ['--gemm_plugin auto', 'trtllm-0.11'],
    ['--max_output_len 4 --strongly_typed', 'trtllm-0.10'],
  ])('takes a release that has the flags, where the script says none: %s', (flags, toolchain) => {
    const { specs, findings } = imported(null, `${quantize}\n${build} ${flags}`);
    expect(specs).toMatchObject([{ toolchain }]);
    expect(findings.map(({ code }) => code)).not.toContain('unknown-flag');
  });

  it.each([
    ['pip install tensorrt_llm==0.12.0', ['2 releases-contradict toolchain']],
    ['git clone -b v0.12.0 https://github.com/NVIDIA/TensorRT-LLM.git', ['2 releases-contradict toolchain']],
    ['pip install tensorrt_llm==0.10.0', []],
  ])('compares the release that it says with what is installed: %s', (install, codes) => {
    expect(imported('TensorRT-LLM v0.10.0', `${install}\n${quantize}\n${build}`).codes).toEqual(codes);
  });

  it.each([
    ['v0.12.0', `${build} --max_output_len 4`, /^Write --max_seq_len: the longest input/],
    ['v0.10.0', `${build} --max_seq_len 2048`, /^Write --max_output_len/],
    ['v0.10.0', 'python3 summarize.py --dataset_path /d', /^Write --dataset_cache_dir\.$/],
    ['v0.9.0', 'python3 summarize.py --dataset_dir /d', /^Take it away: v0\.9 fetches cnn_dailymail/],
    ['v0.10.0', `${quantize} --max_seq_length 512`, /^Write --calib_max_seq_length\.$/],
    ['v0.11.0', `${build} --strongly_typed`, /every engine is/],
    ['v0.12.0', `${build} --max_batch_siez 4`, /^Did you mean --max_batch_size\?$/],
    ['v0.12.0', `${build} --frobnicate`, /^Take it away\.$/],
  ])('knows what a flag is called in %s: %s', (release, text, fix) => {
    const found = imported(release, text).findings.find(({ code }) => code === 'unknown-flag');
    expect(found?.fix).toMatch(fix);
  });
});

describe('importScript, of model families', () => {
  const convert = (model: string, path = 'convert_checkpoint.py') =>
    `python ${path} --model_dir /models/${model} --output_dir /q --dtype float16 --tp_size 2`;

  it.each([
    ['Llama-2-13b-chat-hf', 'llama'],
    ['Mistral-7B-v0.1', 'llama'],
    ['Qwen2-7B', 'qwen'],
  ])('guesses the converter by the name of %s', (model, family) => {
    const { specs } = imported('v0.12.0', `${convert(model)}\n${build} --max_seq_len 2048`);
    expect(specs).toMatchObject([{ model: { ...(family === 'llama' ? {} : { family }) }, parallelism: { tensor: 2 } }]);
  });

  it.each([
    [convert('my-model'), /which family's converter convert_checkpoint\.py is/],
    [convert('gemma-7b'), /converter of gemma models/],
    [convert('Baichuan2-13B-Chat'), /converter of baichuan models/],
    [convert('x', 'examples/gemma/convert_checkpoint.py'), /converter of gemma models/],
  ])('says what it does not know of %s', (text, message) => {
    const found = imported('v0.12.0', `${text}\n${build}`).findings.find(({ code }) => code === 'unknown-program');
    expect(found?.message).toMatch(message);
  });

  it.each([
    `docker run --rm -w /app/tensorrt_llm/examples/llama img ${convert('Llama-2-7b-hf')}`,
    `docker run --rm --workdir=/app/tensorrt_llm/examples/llama img bash -c '${convert('Llama-2-7b-hf')}'`,
    `cd /app/tensorrt_llm/examples/llama\n${convert('Llama-2-7b-hf')}`,
  ])('takes the folder from the working directory: %s', (text) => {
    expect(imported('v0.10.0', `${text}\n${build}`).specs).toMatchObject([{ parallelism: { tensor: 2 } }]);
  });

  it('gives no spec to a family that specs have not, by quantize.py either', () => {
    const { specs, codes } = imported('v0.10.0', `${quantize} --model_dir /m/gemma-7b\n${build}`);
    expect(specs).toEqual([]);
    expect(codes).toEqual(['2 family-unsupported --model_dir']);
  });
});
