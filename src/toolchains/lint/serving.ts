import { computeCapability } from '../gpus.js';
import { isFrom } from '../release-order.js';
import type { SpecRule } from './rule.js';

/** What is served, and options of the engine that serving does not use. */
export const servingRules: readonly SpecRule[] = [
  {
    code: 'smoke-longer-than-engine',
    severity: 'error',
    stage: 'spec',
    field: 'smoke.maxTokens',
    title: 'a smoke test that asks for more tokens than the engine gives',
    why: 'The engine would refuse the request, and the candidate would not take the name.',
    fix: 'ask for fewer',
    source: 'Enginesmith',
    check: ({ smoke, build }) =>
      smoke.maxTokens <= build.maxOutputTokens
        ? null
        : {
            consequence: `${smoke.maxTokens} is more than build.maxOutputTokens ${build.maxOutputTokens}`,
            fix: `at most ${build.maxOutputTokens}`,
          },
  },
  {
    code: 'smoke-first-token-after-last',
    severity: 'error',
    stage: 'spec',
    field: 'smoke.firstTokenWithinSeconds',
    title: 'more time for the first token than for the whole answer',
    why: 'The limit would decide nothing.',
    fix: 'allow less',
    source: 'Enginesmith',
    check: ({ smoke: { firstTokenWithinSeconds, finishWithinSeconds } }) =>
      firstTokenWithinSeconds <= finishWithinSeconds
        ? null
        : {
            consequence: `${firstTokenWithinSeconds} is more than smoke.finishWithinSeconds ${finishWithinSeconds}: the first token comes before the last`,
            fix: `at most ${finishWithinSeconds}`,
          },
  },
  {
    code: 'serves-nothing-while-yielding',
    severity: 'note',
    stage: 'spec',
    field: 'rollout.whenBusy',
    title: 'a deployment that may yield its GPUs',
    why: 'Where a step cannot have GPUs otherwise, nothing answers under the name from then until the pipeline has ended, and a start longer.',
    fix: 'leave it out where requests must not wait, or keep a GPU beside those that serve',
    source: 'Enginesmith',
    check: ({ name, rollout }) =>
      rollout?.whenBusy === 'yield'
        ? { consequence: `nothing answers as ${name} while this pipeline has the GPUs that it serves from` }
        : null,
  },
  {
    code: 'smoke-streams-above-batch',
    severity: 'note',
    stage: 'spec',
    field: 'smoke.concurrentStreams',
    title: 'more concurrent streams in the smoke test than the batch holds',
    why: 'Some wait until others have ended; their first token is late by that, and may miss its limit.',
    fix: 'ask for no more than build.maxBatchSize',
    source: 'Enginesmith',
    check: ({ smoke: { concurrentStreams }, build: { maxBatchSize } }) =>
      concurrentStreams > maxBatchSize
        ? { consequence: `${concurrentStreams} streams share a batch of ${maxBatchSize}: some wait for others to end` }
        : null,
  },
  {
    code: 'max-utilization-not-kept',
    severity: 'warning',
    stage: 'spec',
    field: 'serving.schedulerPolicy',
    title: 'max_utilization for streams, without chunked context',
    why: 'The backend falls back to guaranteed_no_evict and only logs it: the throughput that was asked for is not there.',
    fix: 'set serving.chunkedContext and build.pagedContextFmha true, or leave it out',
    source: 'the tensorrtllm backend, v0.9 to v0.13; Enginesmith serves decoupled models',
    check: ({ serving }) =>
      serving.schedulerPolicy === 'max_utilization' && !serving.chunkedContext
        ? { consequence: 'is not kept for streams without chunked context: the backend uses guaranteed_no_evict' }
        : null,
  },
  {
    code: 'beams-unused',
    severity: 'warning',
    stage: 'spec',
    field: 'build.maxBeamWidth',
    title: 'an engine for several beams',
    why: 'Enginesmith streams, which samples one sequence: buffers for the others take memory and are not used.',
    fix: 'leave it out',
    source: 'Enginesmith serves decoupled models; beams have no stream',
    check: ({ build: { maxBeamWidth = 1 } }) =>
      maxBeamWidth > 1
        ? { consequence: `${maxBeamWidth} beams take memory that nothing uses: what is served samples one sequence` }
        : null,
  },
  {
    code: 'logits-gathered-for-nothing',
    severity: 'warning',
    stage: 'spec',
    field: 'build.gatherContextLogits',
    title: 'an engine that gathers logits',
    why: 'Logits of every token in single precision take memory (tokens × vocabulary × 4 bytes) and time; no step reads them.',
    fix: 'leave it out',
    source: 'trtllm-build, v0.9 to v0.13; no step of Enginesmith reads logits of a release',
    check: ({ build, gpuClass }) =>
      computeCapability(gpuClass) === null
        ? null
        : (['gatherContextLogits', 'gatherGenerationLogits'] as const)
            .filter((option) => build[option] === true)
            .map((option) => ({
              field: `build.${option}`,
              consequence: 'keeps logits in memory (tokens × vocabulary × 4 bytes) that no step reads',
            })),
  },
  {
    code: 'strongly-typed-redundant',
    severity: 'note',
    stage: 'spec',
    field: 'build.stronglyTyped',
    title: 'strong typing where the release has it anyway',
    why: 'From v0.11 on every engine is strongly typed, and v0.10 does it for FP8 by itself: the option changes nothing.',
    fix: 'leave it out',
    source: 'trtllm-build, v0.10 to v0.13',
    check: ({ build, quantization: { format, kvCache } }, { release }) => {
      if (build.stronglyTyped !== true) return null;
      if (isFrom(release, 11)) return { consequence: `${release} types every engine strongly` };
      const isFp8 = format === 'fp8' || kvCache === 'fp8';
      return isFp8 && isFrom(release, 10) ? { consequence: `${release} types FP8 engines strongly by itself` } : null;
    },
  },
];
