import type { Spec } from '../../contracts/spec.js';
import type { ModelConfig, ModelShape } from '../model-config.js';

/** What the engine is to be best at, where it cannot be all. */
export const priorities = ['quality', 'latency', 'throughput'] as const;
export type Priority = (typeof priorities)[number];

/** Hosts of GPUs have eight. */
export const USUAL_GPUS = 8;

/** What advice is asked for; undefined is left to the advice. */
export interface AdviceRequest {
  repository: string;
  revision: string;
  config: ModelConfig & { shape: ModelShape };
  family: Spec['model']['family'];
  gpu: { name: string; class: string; memoryGb: number };
  /** Most GPUs that one step may have. */
  gpus: number;
  /** Whether that number was asked for, or is what hosts usually have. */
  isGpuCountAsked: boolean;
  priority: Priority;
  toolchain: string;
  batch: number | undefined;
  inputTokens: number | undefined;
  outputTokens: number | undefined;
}

/** Why a field of the proposed spec is what it is. */
export interface Choice {
  field: string;
  value: string;
  /** Code of the rule that decided. */
  rule: string;
  because: string;
  source: string;
}

/** What rules of choice look at. */
export interface ChoiceFacts {
  /** Compute capability × 10. */
  capability: number;
  batch: number;
  priority: Priority;
  isGpuCountAsked: boolean;
}
