import { EnginesmithFailure } from '../contracts/failures.js';
import { printable } from '../contracts/printable.js';

/**
 * A toolchain: a TensorRT-LLM release and where its programs are. The layout is that of NVIDIA's Triton containers with
 * the examples checked out beside them, so a host installation, a container and the CPU reference differ in their root only.
 */
export interface ToolchainRelease {
  name: string;
  release: string;
  /** GPU architectures that its programs run on. */
  gpuClasses: readonly string[];
  /** What `quantize.py --qformat` of this installation can do. */
  formats: readonly string[];
  kvCacheFormats: readonly ('none' | 'int8' | 'fp8')[];
  /** Values of `architectures` in a model's config.json that its converter and quantize.py both take. */
  architectures: readonly string[];
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
  /** Whether it has `compare_engines.py`, which compares two engines token by token. */
  comparesEngines: boolean;
  /** Triton backend of the `tensorrt_llm` model: v0.10's template leaves it open. */
  tritonBackend: 'tensorrtllm' | 'python';
}

/** Every toolchain that Enginesmith knows. A new one is a row here, golden command lines and its `toolchain.json`. */
const releases: readonly ToolchainRelease[] = [
  {
    name: 'reference-cpu',
    release: 'v0.10.0',
    gpuClasses: ['cpu'],
    formats: ['none', 'fp8', 'int4_awq', 'int4_wo', 'int8_sq', 'int8_wo'],
    kvCacheFormats: ['none', 'int8', 'fp8'],
    architectures: ['LlamaForCausalLM'],
    ropeScalings: [],
    biases: false,
    awqBlockSizes: [16, 32, 64, 128, 256],
    maximumWorldSize: 16,
    summaryRequest: 'chat',
    perplexity: true,
    comparesEngines: true,
    tritonBackend: 'python',
  },
  {
    name: 'tensorrt-llm',
    release: 'v0.10.0',
    gpuClasses: ['sm80', 'sm86', 'sm89', 'sm90'],
    formats: ['none', 'fp8', 'int4_awq', 'int4_wo', 'int8_sq', 'int8_wo', 'w4a8_awq'],
    kvCacheFormats: ['none', 'int8', 'fp8'],
    architectures: ['LlamaForCausalLM', 'MistralForCausalLM', 'MixtralForCausalLM'],
    ropeScalings: ['linear', 'dynamic'],
    biases: true,
    awqBlockSizes: [64, 128],
    maximumWorldSize: 64,
    summaryRequest: 'completion',
    perplexity: false,
    comparesEngines: false,
    tritonBackend: 'tensorrtllm',
  },
];

/** @throws EnginesmithFailure `InvalidSpec` naming the known toolchains */
export function findRelease({ name, release }: { name: string; release: string }): ToolchainRelease {
  const found = releases.find((row) => row.name === name && row.release === release);
  if (found) return found;
  const known = releases.map((row) => `${row.name} ${row.release}`).join(', ');
  const asked = printable(`${name} ${release}`);
  throw new EnginesmithFailure('InvalidSpec', `toolchain: "${asked}" is not known; known are ${known}`, {
    context: { field: 'toolchain' },
  });
}

/** Paths under a toolchain's root, as in the containers. `{toolchain}` is the root on the worker's host. */
export const toolPaths = {
  quantize: '{toolchain}/opt/tensorrt_llm/examples/quantization/quantize.py',
  convertLlama: '{toolchain}/opt/tensorrt_llm/examples/llama/convert_checkpoint.py',
  summarize: '{toolchain}/opt/tensorrt_llm/examples/summarize.py',
  run: '{toolchain}/opt/tensorrt_llm/examples/run.py',
  compareEngines: '{toolchain}/opt/scripts/compare_engines.py',
  fillTemplate: '{toolchain}/opt/scripts/fill_template.py',
  launchTritonServer: '{toolchain}/opt/scripts/launch_triton_server.py',
  tritonServer: '{toolchain}/opt/tritonserver/bin/tritonserver',
  ensembleTemplates: '{toolchain}/opt/ensemble_models',
} as const;
