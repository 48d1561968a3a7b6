import { computeCapability } from '../gpus.js';
import { isFrom } from '../release-order.js';
import type { SpecRule } from './rule.js';

const onGpu = (gpuClass: string): boolean => computeCapability(gpuClass) !== null;

/** How context attention, the KV cache and what serving asks of both go together. */
export const attentionRules: readonly SpecRule[] = [
  {
    code: 'fp8-context-fmha-without-fp8-weights',
    severity: 'warning',
    stage: 'spec',
    field: 'build.fp8ContextFmha',
    title: 'context attention in FP8 without FP8 weights',
    why: 'It has an effect only where the weights are FP8: the engine is the same as without it.',
    fix: 'leave it out, or use format fp8',
    source: 'tensorrt_llm/builder.py, v0.9 to v0.13',
    check: ({ build, quantization: { format } }) =>
      build.fp8ContextFmha === true && format !== 'fp8'
        ? { consequence: `changes nothing with format ${format}: only FP8 weights have it` }
        : null,
  },
  {
    code: 'kv-reuse-needs-paged-context-fmha',
    severity: 'error',
    stage: 'spec',
    field: 'serving.kvCacheReuse',
    title: 'reuse of the KV cache with an engine whose context attention is not paged',
    why: 'Triton cannot load the model: the backend asserts that the engine was built with paged context attention.',
    fix: 'set build.pagedContextFmha true',
    source: 'the inflight batching manager, v0.9 to v0.13; tensorrtllm_backend issues 271 and 323',
    check: ({ serving, build }) =>
      serving.kvCacheReuse && build.pagedContextFmha !== true
        ? { consequence: 'needs paged context attention, which the engine would be built without' }
        : null,
  },
  {
    code: 'chunked-context-needs-paged-context-fmha',
    severity: 'error',
    stage: 'spec',
    field: 'serving.chunkedContext',
    title: 'chunked context with an engine whose context attention is not paged',
    why: 'A chunk attends to the ones before it, which are in the paged KV cache: without it the model does not load.',
    fix: 'set build.pagedContextFmha true',
    source: 'the inflight batching manager, v0.9 to v0.13',
    check: ({ serving, build }) =>
      serving.chunkedContext && build.pagedContextFmha !== true
        ? { consequence: 'needs paged context attention, which the engine would be built without' }
        : null,
  },
  {
    code: 'paged-context-fmha-with-quantized-kv-cache',
    severity: 'error',
    stage: 'spec',
    field: 'build.pagedContextFmha',
    title: 'paged context attention with an INT8 KV cache, or with an FP8 one whose weights are not FP8',
    why: 'trtllm-build ends with a RuntimeError, after the calibration.',
    fix: 'leave the KV cache in half precision, or use format fp8 with an FP8 KV cache',
    source: 'tensorrt_llm/builder.py, v0.9 to v0.13; TensorRT-LLM issue 2166',
    check: ({ build, gpuClass, quantization: { format, kvCache } }) =>
      build.pagedContextFmha === true &&
      onGpu(gpuClass) &&
      (kvCache === 'int8' || (kvCache === 'fp8' && format !== 'fp8'))
        ? {
            consequence: `cannot read a KV cache in ${kvCache} beside weights in ${format}: the build raises RuntimeError`,
          }
        : null,
  },
  {
    code: 'paged-context-fmha-forces-fp8',
    severity: 'error',
    stage: 'spec',
    field: 'build.pagedContextFmha',
    title: 'paged context attention with FP8 weights and an FP8 KV cache on Ada, in v0.10 and v0.11',
    why: 'It turns context attention in FP8 on, which these releases have for Hopper only: the build fails.',
    fix: 'use kvCache none, leave it out, or use trtllm-0.12 or later',
    source: 'tensorrt_llm/builder.py and the attention plugin, v0.10 and v0.11',
    check: ({ build, gpuClass, quantization: { format, kvCache } }, { release }) =>
      build.pagedContextFmha === true &&
      format === 'fp8' &&
      kvCache === 'fp8' &&
      computeCapability(gpuClass) === 89 &&
      isFrom(release, 10) &&
      !isFrom(release, 12)
        ? {
            consequence: `turns context attention in FP8 on, which ${release} does not have for ${gpuClass}: the build fails`,
          }
        : null,
  },
  {
    code: 'paged-context-fmha-without-context-fmha',
    severity: 'error',
    stage: 'spec',
    field: 'build.contextFmha',
    title: 'paged or FP8 context attention, with fused context attention disabled',
    why: 'Both are kinds of fused context attention.',
    fix: 'leave build.contextFmha out: it is on by default',
    source: 'tensorrt_llm/plugin/plugin.py, v0.9 to v0.13',
    check: ({ build }) =>
      build.contextFmha === false && (build.pagedContextFmha === true || build.fp8ContextFmha === true)
        ? {
            consequence: `is off, and ${build.pagedContextFmha === true ? 'build.pagedContextFmha' : 'build.fp8ContextFmha'} needs it`,
          }
        : null,
  },
];
