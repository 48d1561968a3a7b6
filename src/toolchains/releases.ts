import { EnginesmithFailure } from '../contracts/failures.js';
import { nearMiss } from '../contracts/near-miss.js';
import { printable } from '../contracts/printable.js';
import type { ModelFamily } from '../contracts/spec-fields.js';
import type { ReleaseNumber } from './contracts/contracts.js';

/**
 * A toolchain: a TensorRT-LLM release and where its programs are. The layout is that of NVIDIA's Triton containers with
 * the examples checked out beside them, so a host installation, a container and the CPU reference differ in their root only.
 */
export interface ToolchainRelease {
  /** What a spec calls it. */
  name: string;
  /** Of TensorRT-LLM: whose command lines its programs take. */
  release: ReleaseNumber;
  /** GPU architectures that its programs run on. */
  gpuClasses: readonly string[];
  /** What `quantize.py --qformat` of this installation can do, and its converter. */
  formats: readonly string[];
  kvCacheFormats: readonly ('none' | 'int8' | 'fp8')[];
  /** Values of `architectures` in a model's config.json that converter and quantize.py both take, by family. */
  architectures: Partial<Record<ModelFamily, readonly string[]>>;
  /** Types of `rope_scaling` that its engines compute; plain rope is always one. */
  ropeScalings: readonly string[];
  /** Whether linear layers may have biases. */
  biases: boolean;
  /** What its int4 kernels take as `--awq_block_size`. */
  awqBlockSizes: readonly number[];
  /** Largest tp × pp that its programs run. */
  maximumWorldSize: number;
  /** How its summarize.py asks for a summary: with the tokenizer's chat template where there is one, or as Llama completes. */
  summaryRequest: 'chat' | 'completion';
  /** Whether `summarize.py --eval_ppl` works on the engine that is served: v0.10 wants one that gathers all logits. */
  perplexity: boolean;
  /**
   * Whether `summarize.py --test_hf` opens the config.json of an engine as well: upstream's (v0.9 to v0.13) begins with it, and
   * fails where there is none.
   */
  modelNeedsEngine: boolean;
  /** Whether it has `compare_engines.py`, which compares two engines token by token. */
  comparesEngines: boolean;
  /** Whether its `tensorrt_llm_bls` ends the stream of a client that went away: upstream's model.py (v0.9 to v0.13) does not look. */
  blsHeedsCancellation: boolean;
  /** Triton backend of the `tensorrt_llm` model: v0.10's template leaves it open. */
  tritonBackend: 'tensorrtllm' | 'python';
}

/** What the real releases have in common; where they differ, their rows and their contracts say it. */
const tensorRtLlm = {
  gpuClasses: ['sm80', 'sm86', 'sm89', 'sm90'],
  formats: ['none', 'fp8', 'int4_awq', 'int4_gptq', 'int4_wo', 'int8_sq', 'int8_wo', 'w4a8_awq'],
  kvCacheFormats: ['none', 'int8', 'fp8'],
  architectures: {
    llama: ['LlamaForCausalLM', 'MistralForCausalLM', 'MixtralForCausalLM'],
    qwen: ['QWenLMHeadModel', 'Qwen2ForCausalLM'],
  },
  ropeScalings: ['linear', 'dynamic'],
  biases: true,
  awqBlockSizes: [64, 128],
  maximumWorldSize: 64,
  summaryRequest: 'completion',
  perplexity: false,
  modelNeedsEngine: true,
  comparesEngines: false,
  blsHeedsCancellation: false,
  tritonBackend: 'tensorrtllm',
} as const satisfies Partial<ToolchainRelease>;

/** Llama 3.1 came with v0.12: v0.11 fails on its rope_scaling (TensorRT-LLM issue 2105). */
const sinceV12 = { ropeScalings: [...tensorRtLlm.ropeScalings, 'llama3'] } as const;

/** Every toolchain that Enginesmith knows. A new one is a row here, its contract, golden command lines and its `toolchain.json`. */
export const releases: readonly ToolchainRelease[] = [
  {
    name: 'reference-cpu',
    release: 'v0.10.0',
    gpuClasses: ['cpu'],
    formats: ['none', 'fp8', 'int4_awq', 'int4_wo', 'int8_sq', 'int8_wo'],
    kvCacheFormats: ['none', 'int8', 'fp8'],
    architectures: { llama: ['LlamaForCausalLM'] },
    ropeScalings: [],
    biases: false,
    awqBlockSizes: [16, 32, 64, 128, 256],
    maximumWorldSize: 16,
    summaryRequest: 'chat',
    perplexity: true,
    modelNeedsEngine: false,
    comparesEngines: true,
    blsHeedsCancellation: true,
    tritonBackend: 'python',
  },
  {
    ...tensorRtLlm,
    name: 'trtllm-0.9',
    release: 'v0.9.0',
    // Qwen2 needs v0.10, say NVIDIA's application notes.
    architectures: { ...tensorRtLlm.architectures, qwen: ['QWenLMHeadModel'] },
  },
  { ...tensorRtLlm, name: 'trtllm-0.10', release: 'v0.10.0' },
  { ...tensorRtLlm, name: 'trtllm-0.11', release: 'v0.11.0' },
  { ...tensorRtLlm, ...sinceV12, name: 'trtllm-0.12', release: 'v0.12.0' },
  { ...tensorRtLlm, ...sinceV12, name: 'trtllm-0.13', release: 'v0.13.0' },
];

/** @throws EnginesmithFailure `InvalidSpec` naming the known toolchains, and what may be meant */
export function findRelease(name: string): ToolchainRelease {
  const found = releases.find((row) => row.name === name);
  if (found) return found;
  const known = releases.map((row) => row.name);
  // Of releases that are equally near, the newest.
  const meant = nearMiss(name, known.toReversed());
  const hint = meant === undefined ? '' : `; did you mean "${meant}"?`;
  throw new EnginesmithFailure(
    'InvalidSpec',
    `toolchain: "${printable(name)}" is not known; known are ${known.join(', ')}${hint}`,
    { context: { field: 'toolchain' } },
  );
}

/** Paths under a toolchain's root, as in the containers. `{toolchain}` is the root on the worker's host. */
export const toolPaths = {
  quantize: '{toolchain}/opt/tensorrt_llm/examples/quantization/quantize.py',
  convertLlama: '{toolchain}/opt/tensorrt_llm/examples/llama/convert_checkpoint.py',
  convertQwen: '{toolchain}/opt/tensorrt_llm/examples/qwen/convert_checkpoint.py',
  summarize: '{toolchain}/opt/tensorrt_llm/examples/summarize.py',
  run: '{toolchain}/opt/tensorrt_llm/examples/run.py',
  qwenVlVision: '{toolchain}/opt/tensorrt_llm/examples/qwenvl/vit_onnx_trt.py',
  qwenVlRun: '{toolchain}/opt/tensorrt_llm/examples/qwenvl/run.py',
  prepareDataset: '{toolchain}/opt/tensorrt_llm/benchmarks/cpp/prepare_dataset.py',
  gptManagerBenchmark: '{toolchain}/opt/tensorrt_llm/cpp/build/benchmarks/gptManagerBenchmark',
  compareEngines: '{toolchain}/opt/scripts/compare_engines.py',
  fillTemplate: '{toolchain}/opt/scripts/fill_template.py',
  launchTritonServer: '{toolchain}/opt/scripts/launch_triton_server.py',
  tritonServer: '{toolchain}/opt/tritonserver/bin/tritonserver',
  ensembleTemplates: '{toolchain}/opt/ensemble_models',
} as const;
