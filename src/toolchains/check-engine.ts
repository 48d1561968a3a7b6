import { EnginesmithFailure } from '../contracts/failures.js';
import type { Spec } from '../contracts/spec.js';
import { checkMapping, parseEngineConfig } from './checkpoint-config.js';

/** @throws EnginesmithFailure `ToolOutputInvalid` where the engine says another thing than was asked for */
function requireSame(name: string, found: unknown, asked: number | boolean): void {
  if (found === asked) return;
  throw new EnginesmithFailure('ToolOutputInvalid', `the engine's ${name} is ${found}; asked for was ${asked}`, {
    context: { file: 'config.json', field: name },
  });
}

/**
 * Checks that an engine is what a spec asks for: its ranks, its quantization and its limits.
 * @param config text of its config.json
 * @returns its ranks
 * @throws EnginesmithFailure `ToolOutputInvalid` naming what differs
 */
export function checkEngine(
  config: string,
  { parallelism, quantization, build }: Pick<Spec, 'parallelism' | 'quantization' | 'build'>,
): number {
  const { pretrained_config, build_config } = parseEngineConfig(config);
  checkMapping(pretrained_config, parallelism, quantization);
  requireSame('max_batch_size', build_config.max_batch_size, build.maxBatchSize);
  requireSame('max_input_len', build_config.max_input_len, build.maxInputTokens);
  requireSame('max_output_len', build_config.max_output_len, build.maxOutputTokens);
  return pretrained_config.mapping.world_size;
}

/**
 * Checks an engine that was built elsewhere, whose flags nobody here gave: also what lint and the templates of Triton take
 * from the spec. What the spec leaves open, and what the engine does not say, is not compared.
 * @param config text of its config.json
 * @throws EnginesmithFailure `ToolOutputInvalid` naming what differs
 */
export function checkImportedEngine(config: string, spec: Pick<Spec, 'parallelism' | 'quantization' | 'build'>): void {
  checkEngine(config, spec);
  const { max_num_tokens, plugin_config } = parseEngineConfig(config).build_config;
  const { maxNumTokens, pagedContextFmha } = spec.build;
  const compared = [
    { name: 'max_num_tokens', found: max_num_tokens, asked: maxNumTokens },
    { name: 'use_paged_context_fmha', found: plugin_config?.use_paged_context_fmha, asked: pagedContextFmha },
  ];
  for (const { name, found, asked } of compared) {
    if (asked !== undefined && found != null) requireSame(name, found, asked);
  }
}
