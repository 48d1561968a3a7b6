import * as z from 'zod';
import { EnginesmithFailure } from '../contracts/failures.js';
import type { Spec } from '../contracts/spec.js';

/** What Enginesmith needs of a TensorRT-LLM checkpoint's config.json (v0.9 to v0.13). */
const checkpointConfig = z.object({
  architecture: z.string(),
  mapping: z.object({ world_size: z.int(), tp_size: z.int(), pp_size: z.int() }),
  quantization: z.object({ quant_algo: z.string().nullish(), kv_cache_quant_algo: z.string().nullish() }).nullish(),
});

/** How an engine was built: its limits, and options. From v0.11 on it says how long a whole sequence is, and not the output. */
const buildConfig = z
  .object({
    max_batch_size: z.int(),
    max_input_len: z.int(),
    max_output_len: z.int().nullish(),
    max_seq_len: z.int().nullish(),
    // Compared where they are told, and never a reason to refuse an engine for how they are.
    max_num_tokens: z.int().nullish().catch(null),
    plugin_config: z.object({ use_paged_context_fmha: z.boolean().nullish() }).nullish().catch(null),
  })
  .transform(({ max_output_len, max_seq_len, ...limits }, { issues, value }) => {
    const longest = max_output_len ?? (max_seq_len == null ? null : max_seq_len - limits.max_input_len);
    if (longest !== null) return { ...limits, max_output_len: longest };
    issues.push({ code: 'custom', input: value, message: 'has neither max_output_len nor max_seq_len' });
    return z.NEVER;
  });

/** What Enginesmith needs of an engine's config.json. */
const engineConfig = z.object({
  version: z.string(),
  pretrained_config: checkpointConfig,
  build_config: buildConfig,
});

export type CheckpointConfig = z.infer<typeof checkpointConfig>;
export type EngineConfig = z.infer<typeof engineConfig>;

function parseConfig<Config>(schema: z.ZodType<Config>, text: string, what: string): Config {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw new EnginesmithFailure('ToolOutputInvalid', `the ${what}'s config.json is not JSON`, { cause });
  }
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const problems = parsed.error.issues.map(({ path, message }) => `${path.join('.')}: ${message}`).join('; ');
  throw new EnginesmithFailure('ToolOutputInvalid', `the ${what}'s config.json is not as v0.10 writes it: ${problems}`);
}

/** @throws EnginesmithFailure `ToolOutputInvalid` */
export const parseCheckpointConfig = (text: string): CheckpointConfig =>
  parseConfig(checkpointConfig, text, 'checkpoint');

/** @throws EnginesmithFailure `ToolOutputInvalid` */
export const parseEngineConfig = (text: string): EngineConfig => parseConfig(engineConfig, text, 'engine');

/** `quant_algo` in config.json by `--qformat` (v0.10). */
const quantAlgorithms: Record<Spec['quantization']['format'], string | null> = {
  none: null,
  fp8: 'FP8',
  int4_awq: 'W4A16_AWQ',
  int4_gptq: 'W4A16_GPTQ',
  int4_wo: 'W4A16',
  int8_sq: 'W8A8_SQ_PER_CHANNEL',
  int8_wo: 'W8A16',
  w4a8_awq: 'W4A8_AWQ',
};

/** `kv_cache_quant_algo` in config.json by `--kv_cache_dtype` (v0.10). */
const cacheAlgorithms: Record<Spec['quantization']['kvCache'], string | null> = {
  none: null,
  int8: 'INT8',
  fp8: 'FP8',
};

/**
 * Checks that a checkpoint, or the one inside an engine, is what was asked for: its parallelism and its quantization.
 * @throws EnginesmithFailure `ToolOutputInvalid`
 */
export function checkMapping(
  { mapping, quantization }: CheckpointConfig,
  { tensor, pipeline }: Spec['parallelism'],
  { format, kvCache }: Pick<Spec['quantization'], 'format' | 'kvCache'>,
): void {
  if (mapping.tp_size !== tensor || mapping.pp_size !== pipeline || mapping.world_size !== tensor * pipeline) {
    throw new EnginesmithFailure(
      'ToolOutputInvalid',
      `config.json says tp ${mapping.tp_size}, pp ${mapping.pp_size}, world size ${mapping.world_size}; ` +
        `asked for were tp ${tensor}, pp ${pipeline}`,
    );
  }
  const checks = [
    { field: 'quant_algo', asked: `format ${format}`, expected: quantAlgorithms[format] },
    { field: 'kv_cache_quant_algo', asked: `KV cache ${kvCache}`, expected: cacheAlgorithms[kvCache] },
  ] as const;
  for (const { field, asked, expected } of checks) {
    const found = quantization?.[field] ?? null;
    if (found === expected) continue;
    throw new EnginesmithFailure(
      'ToolOutputInvalid',
      `config.json says ${field} ${found}; ${asked} should give ${expected}`,
      { context: { file: 'config.json', field } },
    );
  }
}
