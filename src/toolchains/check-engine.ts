import { EnginesmithFailure } from '../contracts/failures.js';
import type { Spec } from '../contracts/spec.js';
import { checkMapping, parseEngineConfig } from './checkpoint-config.js';

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
  const { maxBatchSize, maxInputTokens, maxOutputTokens } = build;
  const asked = { max_batch_size: maxBatchSize, max_input_len: maxInputTokens, max_output_len: maxOutputTokens };
  for (const [name, value] of Object.entries(asked)) {
    const found = Object.entries(build_config).find(([key]) => key === name)?.[1];
    if (found === value) continue;
    throw new EnginesmithFailure('ToolOutputInvalid', `the engine's ${name} is ${found}; asked for was ${value}`, {
      context: { file: 'config.json', field: name },
    });
  }
  return pretrained_config.mapping.world_size;
}
