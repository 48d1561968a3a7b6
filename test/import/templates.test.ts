import { describe, expect, it } from 'vitest';
import { build, imported, quantize } from './import-fixture.js';

const common = 'triton_max_batch_size:8';
const inner = `${common},triton_backend:tensorrtllm,engine_dir:/e,batching_strategy:inflight_fused_batching,max_queue_delay_microseconds:0`;
const outer = `${common},bls_instance_count:1,tensorrt_llm_model_name:tensorrt_llm`;
const fill = (model: string, values: string, options = '-i') =>
  `python3 fill_template.py ${options} repo/${model}/config.pbtxt ${values}`;

/** Findings about templates, of a pipeline that is right but for these lines. */
function found(lines: string, release = 'v0.10.0'): string[] {
  const { codes } = imported(release, `${quantize}\n${build} --max_batch_size 8 --max_input_len 1024\n${lines}`);
  return codes.map((code) => code.replace(/^\d+ /, ''));
}

describe('importScript, of template values', () => {
  it.each([
    ['decoupled_mode:yes', 'template-value-refused decoupled_mode'],
    ['decoupled_mode:True,batching_strategy:inflight', 'template-value-refused batching_strategy'],
    ['decoupled_mode:True,batch_scheduler_policy:max_util', 'template-value-refused batch_scheduler_policy'],
    ['decoupled_mode:True,max_queue_delay_microseconds:0.5s', 'template-value-refused max_queue_delay_microseconds'],
    ['decoupled_mode:True,max_queue_delay_microseconds:-1', 'template-value-refused max_queue_delay_microseconds'],
    [
      'decoupled_mode:True,kv_cache_free_gpu_mem_fraction:-0.5',
      'template-value-refused kv_cache_free_gpu_mem_fraction',
    ],
    ['decoupled_mode:True,kv_cache_free_gpu_mem_fraction:1.5', 'template-value-refused kv_cache_free_gpu_mem_fraction'],
    ['decoupled_mode:True,triton_backend:vllm', 'template-value-refused triton_backend'],
    ['decoupled_mode:True,triton_max_batch_size:eight', 'template-value-refused triton_max_batch_size'],
    ['decoupled_mode:True,max_beam_width:4', 'beam-width-mismatch max_beam_width'],
    ['decoupled_mode:True,foo_bar:1', 'template-key-unknown foo_bar'],
    ['decoupled_mode:True,max_attention_window:100', 'template-key-unknown max_attention_window'],
  ])('finds %s: %s', (values, code) => {
    const keys = new Set(values.split(',').map((part) => part.split(':')[0]));
    const rest = inner.split(',').filter((part) => !keys.has(part.split(':')[0]));
    expect(found(fill('tensorrt_llm', [...rest, values].join(',')))).toEqual([code]);
  });

  it('says what a misspelt key is called', () => {
    const text = fill('tensorrt_llm', `${inner},decoupled_mode:True,max_attention_window:100`);
    const { findings } = imported('v0.10.0', `${quantize}\n${build} --max_batch_size 8 --max_input_len 1024\n${text}`);
    expect(findings.map(({ fix }) => fix)).toEqual(['Did you mean max_attention_window_size?']);
  });

  it.each([
    'kv_cache_free_gpu_mem_fraction:0.95,max_beam_width:1,decoupled_mode:true',
    'decoupled_mode:False,batch_scheduler_policy:guaranteed_no_evict,enable_kv_cache_reuse:False,decoding_mode:top_k',
  ])('finds nothing in %s', (values) => {
    expect(found(fill('tensorrt_llm', `${inner},${values}`))).toEqual([]);
  });

  it.each([
    ['2', 'True', ['stream-order postprocessing_instance_count']],
    ['2', 'False', []],
    ['1', 'True', []],
  ])('finds the order of streams in danger with %s instances, decoupled %s: %s', (count, decoupled, codes) => {
    const postprocessing = fill('postprocessing', `${common},tokenizer_dir:/m,postprocessing_instance_count:${count}`);
    const tensorrtLlm = fill('tensorrt_llm', `${inner},decoupled_mode:${decoupled}`);
    expect(found(`${postprocessing}\n${tensorrtLlm}`)).toEqual(codes);
  });

  it('compares decoupled_mode of both models', () => {
    const both = (first: string, second: string) =>
      found(
        `${fill('tensorrt_llm', `${inner},decoupled_mode:${first}`)}\n${fill('tensorrt_llm_bls', `${outer},decoupled_mode:${second}`)}`,
      );
    expect(both('False', 'True')).toEqual(['decoupled-mismatch decoupled_mode']);
    expect(both('True', 'True')).toEqual([]);
  });
});

describe('importScript, of how templates are filled', () => {
  const right = fill('tensorrt_llm', `${inner},decoupled_mode:True`);

  it('knows that a placeholder is filled once', () => {
    const again = `${right}\n${fill('tensorrt_llm', 'triton_max_batch_size:16')}`;
    expect(found(again)).toEqual(['template-filled-twice triton_max_batch_size']);
    expect(found(`${right}\n${fill('tensorrt_llm', common)}`)).toEqual([]);
    expect(found(`${right}\ncp -r templates/* repo/\n${right}`)).toEqual([]);
    expect(found(`${right}\nrm -rf repo\n${fill('tensorrt_llm', common)}\n${right}`)).toEqual([]);
  });

  it('takes what sed fills for filled', () => {
    const without = fill('tensorrt_llm', `${inner.replace('engine_dir:/e,', '')},decoupled_mode:True`);
    expect(found(`sed -i 's#\${engine_dir}#/e#' repo/tensorrt_llm/config.pbtxt\n${without}`)).toEqual([]);
    expect(found(`sed -i 's#\${other}#/e#' repo/tensorrt_llm/config.pbtxt\n${without}`)).toContain(
      'template-key-unfilled engine_dir',
    );
  });

  it.each([
    [fill('tensorrt_llm', inner, ''), ['fill-not-in-place -i']],
    [`${fill('tensorrt_llm', `${inner},decoupled_mode:True`, '')} > /srv/tensorrt_llm/config.pbtxt`, []],
    [fill('tensorrt_llm', `${inner} decoupled_mode:True`), ['stray-argument decoupled_mode:True']],
    [fill('tensorrt_lm', `${inner},decoupled_mode:True`), ['template-path-misspelt tensorrt_lm']],
    [`${right}\ntritonserver --model-repository=/srv`, ['served-repository-unfilled model_repo']],
    [`${right}\ncp -r repo/* /srv/\ntritonserver --model-repository=/srv`, []],
    [`${right}\ncp -r repo /srv\ntritonserver --model-repository=/srv/repo`, []],
    [`${right}\ntritonserver --model-repository=repo`, []],
  ])('reads %s', (lines, codes) => {
    expect(found(lines)).toEqual(codes);
  });
});

describe('importScript, of a benchmark whose options stand in the wrong place', () => {
  it('complains of the place only', () => {
    const { codes } = imported(
      'v0.10.0',
      `python3 prepare_dataset.py token-norm-dist --tokenizer /m/Qwen2-7B --num-requests 8 --input-mean 64 --input-stdev 0 --output-mean 8 --output-stdev 0 --output /d.json
gptManagerBenchmark --engine_dir /engine --dataset /d.json`,
    );
    expect(codes).toEqual(['2 option-after-subcommand --tokenizer', '2 option-after-subcommand --output']);
  });
});
