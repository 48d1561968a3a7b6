import { describe, expect, it } from 'vitest';
import { build, imported, quantize } from './import-fixture.js';

const convert = (flags: string, family = 'llama') =>
  `python3 examples/${family}/convert_checkpoint.py --model_dir /m/Llama-2-7b-hf --output_dir /q ${flags}`;

describe('importScript, of what no spec says', () => {
  it.each([
    ['FP8 with a scale a row', 'v0.13.0', convert('--use_fp8_rowwise'), '--use_fp8_rowwise'],
    [
      'weights that AWQ has quantized',
      'v0.13.0',
      convert('--use_weight_only --weight_only_precision int4_awq'),
      '--weight_only_precision',
    ],
    [
      'a file of quantized weights',
      'v0.10.0',
      convert('--modelopt_quant_ckpt_path x.npz'),
      '--modelopt_quant_ckpt_path',
    ],
    [
      'an unknown precision',
      'v0.10.0',
      convert('--use_weight_only --weight_only_precision $P'),
      '--weight_only_precision',
    ],
    ['an unknown format', 'v0.10.0', `${quantize} --qformat $(cat f)`, '--qformat'],
    ['a format that is none', 'v0.10.0', `${quantize} --qformat fp9`, '--qformat'],
  ])('gives no spec to %s', (_, release, text, flag) => {
    const { specs, codes } = imported(release, `${text}\n${build} --max_input_len 1024`);
    expect(specs).toEqual([]);
    expect(codes).toContain(`2 not-a-spec ${flag}`);
  });

  it.each([
    ['v0.10.0', '--modelopt_quant_ckpt_path', /^Import the finished checkpoint/],
    ['v0.9.0', '--ammo_quant_ckpt_path', /^Import the finished checkpoint/],
    ['v0.13.0', '--quant_ckpt_path', /^Import the finished checkpoint/],
  ])(
    'of %s and %s, does not name a format that the release’s converter of llama would refuse',
    (release, flag, fix) => {
      const { findings } = imported(release, `${convert(`${flag} x.npz`)}\n${build} --max_input_len 1024`);
      expect(findings.find(({ field }) => field === flag)?.fix).toMatch(fix);
    },
  );

  it.each([
    ['none', 'v0.13.0', convert('')],
    ['fp8', 'v0.13.0', convert('--use_fp8')],
    ['int4_wo', 'v0.13.0', convert('--use_weight_only --weight_only_precision int4')],
    ['int8_wo', 'v0.10.0', convert('--use_weight_only --weight_only_precision')],
    ['int8_sq', 'v0.10.0', convert('--smoothquant 0.5')],
    ['fp8', 'v0.10.0', quantize],
  ])('writes format %s, of %s, %s', (format, release, text) => {
    expect(imported(release, `${text}\n${build}`).specs).toMatchObject([{ quantization: { format } }]);
  });

  it('reads what GPTQ has quantized, in the groups that it has, and names the model that it was made from', () => {
    const text = `python examples/qwen/convert_checkpoint.py --model_dir ./Qwen2-7B-Instruct-GPTQ-Int4 --output_dir /q --use_weight_only --weight_only_precision int4_gptq --per_group --group_size 64`;
    expect(imported('v0.10.0', `${text}\n${build}`).specs).toMatchObject([
      {
        model: { repository: 'Qwen/Qwen2-7B-Instruct-GPTQ-Int4', family: 'qwen' },
        quantization: { format: 'int4_gptq', awqBlockSize: 64 },
        gate: { baseline: { repository: 'Qwen/Qwen2-7B-Instruct' } },
      },
    ]);
  });

  it.each([
    ['v0.13.0', '--moe_tp_size 2 --moe_ep_size 2', ['--moe_tp_size', '--moe_ep_size']],
    ['v0.10.0', '--smoothquant 0.5 --per_token --per_channel', ['--smoothquant', '--per_token', '--per_channel']],
    ['v0.10.0', '--disable_weight_only_quant_plugin', ['--disable_weight_only_quant_plugin']],
    ['v0.10.0', '--moe_top_k 0 --workers 4 --load_by_shard --use_weight_only', []],
  ])('says which flags of the converter are left out: %s %s', (release, flags, left) => {
    const { findings } = imported(release, `${convert(flags)}\n${build} --max_input_len 1024`);
    expect(findings.filter(({ code }) => code === 'flag-without-field').map(({ field }) => field)).toEqual(left);
  });
});

describe('importScript, of values that only running would tell', () => {
  it.each([
    ['--tp_size $TP', '', { parallelism: { tensor: 1 } }, /--tp_size \$TP, which is not known.*\n\s+tensor: 1/],
    ['--kv_cache_dtype $KV', '', {}, /# kvCache: line 2 gives --kv_cache_dtype \$KV/],
    ['--calib_size $N', '', {}, /# samples: line 2 gives --calib_size \$N/],
    [
      '',
      '--max_seq_len $((MAXIN+512))',
      { build: { maxOutputTokens: 1024 } },
      /MAXIN\+512\)\), which is not known.*\n\s+maxOutputTokens/,
    ],
    ['', '--max_num_tokens $T --max_seq_len 2048', {}, /# maxNumTokens: line 3 gives --max_num_tokens \$T/],
    ['"$MORE"', '--max_seq_len 2048', {}, /Line 2 also passes "\$MORE", which is not known/],
  ])('says so at the field: %s %s', (checkpoint, engine, fields, comment) => {
    const { specs, yaml, codes } = imported('v0.12.0', `${quantize} ${checkpoint}\n${build} ${engine}`);
    expect(specs).toMatchObject([fields]);
    expect(yaml[0]).toMatch(comment);
    expect(codes.filter((code) => code.includes('unknown-value'))).toHaveLength(1);
  });

  it('compares nothing with a number that it does not know', () => {
    const text = `${quantize} --tp_size $TP\n${build} --max_batch_size $B --output_dir /e-tp4
python3 fill_template.py -i /r/tensorrt_llm/config.pbtxt triton_max_batch_size:4,engine_dir:/e-tp4
python3 launch_triton_server.py --model_repo /r --world_size 4`;
    const codes = imported('v0.9.0', text).codes.join('\n');
    expect(codes).not.toMatch(/batch-size|world-size|name-says/);
  });
});

describe('importScript, of limits', () => {
  it.each([
    ['v0.13.0', '--max_input_len 4096 --max_seq_len 4096', [2048, 2048], 'no-room-for-output'],
    ['v0.11.0', '--max_input_len 4096 --max_seq_len 2048', [1024, 1024], 'no-room-for-output'],
    ['v0.13.0', '--max_seq_len 512', [256, 256], 'no-room-for-output'],
    ['v0.13.0', '--max_input_len 4095 --max_seq_len 4096', [4095, 1], null],
    ['v0.13.0', '', [1024, 1024], 'limit-assumed'],
    ['v0.11.0', '--max_output_len 64', [1024, 64], null],
    ['v0.10.0', '', [1024, 1024], null],
    ['v0.12.0', '--max_output_len 4', [1024, 4], 'unknown-flag'],
    ['v0.10.0', '--max_seq_len 1280', [1024, 256], 'unknown-flag'],
  ])('reads %s %s as prompt and answer', (release, flags, [input, output], code) => {
    const { specs, findings, yaml } = imported(release, `${quantize}\n${build} ${flags}`);
    expect(specs).toMatchObject([{ build: { maxInputTokens: input, maxOutputTokens: output } }]);
    expect(findings.map((found) => found.code)).toEqual(code === null ? [] : [code]);
    if (code === 'limit-assumed') expect(yaml[0]).toMatch(/# ours: line 3 gives no --max_seq_len/);
  });

  it('names each number that cannot be, in its line, and writes the spec without it', () => {
    const { specs, codes } = imported(
      'v0.10.0',
      `${quantize} --tp_size 0\n${build} \\\n  --max_batch_size 0 \\\n  --max_input_len -5 --max_output_len 99999999999999999999
python3 fill_template.py -i /r/tensorrt_llm/config.pbtxt engine_dir:/e,triton_backend:tensorrtllm,triton_max_batch_size:8,decoupled_mode:True,batching_strategy:V1,max_queue_delay_microseconds:0`,
    );
    expect(codes).toEqual([
      '2 not-a-spec --tp_size',
      '4 not-a-spec --max_batch_size',
      '5 not-a-spec --max_input_len',
      '5 not-a-spec --max_output_len',
    ]);
    expect(specs).toMatchObject([{ build: { maxBatchSize: 8, maxInputTokens: 1024, maxOutputTokens: 1024 } }]);
  });
});

describe('importScript, of what a spec would be refused for', () => {
  it('lints each spec, at the line that its field comes from', () => {
    const text = `python3 quantize.py --model_dir /m/Qwen2-7B --qformat int4_awq --kv_cache_dtype int8 --output_dir /q
${build} \\\n  --use_paged_context_fmha enable`;
    expect(imported('v0.10.0', text).codes).toEqual([expect.stringMatching(/^4 .* build\.pagedContextFmha$/)]);
    expect(imported('v0.10.0', text.replace('--kv_cache_dtype int8', '')).codes).toEqual([]);
  });

  it.each([
    ['v0.10.0 on A100', 'fp8', '', 'sm89', true],
    ['v0.10.0 on L20', 'fp8', '', 'sm89', false],
    ['v0.10.0 on A100', 'int8_sq', '', 'sm80', false],
    ['v0.11.0 on L40S', 'fp8', '--use_fp8_context_fmha enable', 'sm90', true],
    ['v0.12.0 on L40S', 'fp8', '--use_fp8_context_fmha enable', 'sm89', false],
  ])('knows whether the GPU of "%s" can do %s %s', (release, format, flags, gpuClass, isFound) => {
    const text = `${quantize} --qformat ${format}\n${build} --max_input_len 1024 ${flags}`;
    const { specs, yaml, codes } = imported(release, text);
    expect(specs).toMatchObject([{ gpuClass }]);
    expect(codes.some((code) => code.includes('gpu-below-format'))).toBe(isFound);
    expect(/line 1 names sm\d+, which cannot do/.test(yaml[0] ?? '')).toBe(isFound);
  });
});
