import type { ReleaseNumber } from './contracts/contracts.js';
import { isFrom } from './release-order.js';

/** From v0.11 on trtllm-build ignores max_input_len where padding is removed, as it always is: the whole sequence is held. */
const HOLDS_SEQUENCES_FROM_MINOR = 11;

/** What an engine takes when it is served, in tokens. */
export interface ServedLimits {
  maxInputTokens: number;
  maxOutputTokens: number;
  /** A longer prompt is refused. */
  maxPromptTokens: number;
}

/** @param buildConfig of the engine's config.json */
export function servedLimits(
  buildConfig: { max_input_len: number; max_output_len: number },
  release: ReleaseNumber,
): ServedLimits {
  const { max_input_len: maxInputTokens, max_output_len: maxOutputTokens } = buildConfig;
  const maxPromptTokens = isFrom(release, HOLDS_SEQUENCES_FROM_MINOR)
    ? maxInputTokens + maxOutputTokens
    : maxInputTokens;
  return { maxInputTokens, maxOutputTokens, maxPromptTokens };
}
