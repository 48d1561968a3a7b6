import type { Spec } from '../../contracts/spec.js';
import { GIGABYTE } from '../estimates/gigabytes.js';
import { bytesToCalibrate, concurrencyOn, estimateServing } from '../estimates/gpu-memory.js';
import { computeCapability } from '../gpus.js';
import { isError, lintModel, lintSpec } from '../lint/lint.js';
import { isGrouped } from '../quantization-formats.js';
import { findRelease } from '../releases.js';
import { specOfSide } from '../sides.js';
import {
  batchRules,
  type ChoiceRule,
  firstRule,
  formatRules,
  kvCacheRules,
  parallelismRules,
  rulesInOrder,
} from './choice-rules.js';
import { type DraftChoices, draftSpec, type Lengths } from './draft.js';
import { legalParallelisms } from './parallelisms.js';
import type { AdviceRequest, ChoiceFacts } from './request.js';

/** Findings that a proposal may have all the same: they follow from what was asked. */
const ALLOWED = new Set(['lengths-beyond-positions']);

/** Where none are asked for. */
const USUAL_LENGTHS: Lengths = { input: 2048, output: 512 };

/** Of formats without blocks: any legal value, which no command line has. */
const UNUSED_BLOCK = 128;

/** A spec that is legal and fits, and the rules that led to it. */
export interface Proposal {
  spec: Spec;
  choices: DraftChoices;
  rules: {
    format: ChoiceRule<Spec['quantization']['format']>;
    kvCache: ChoiceRule<Spec['quantization']['kvCache']>;
    parallelism: ChoiceRule<'fewest' | 'most-tensor'>;
    batch: ChoiceRule<number>;
  };
}

/** What was asked, or what is usual as far as the model's positions go. */
export function lengthsOf({ inputTokens, outputTokens, config }: AdviceRequest): Lengths {
  const positions = config.shape.positions ?? Number.POSITIVE_INFINITY;
  const output =
    outputTokens ??
    Math.max(1, Math.min(USUAL_LENGTHS.output, Math.floor(positions / 4), positions - (inputTokens ?? 1)));
  const input = inputTokens ?? Math.max(1, Math.min(USUAL_LENGTHS.input, positions - output));
  return { input, output };
}

const factsOf = ({ priority, gpu, isGpuCountAsked }: AdviceRequest, batch: number): ChoiceFacts => ({
  capability: computeCapability(gpu.class) ?? 0,
  batch,
  priority,
  isGpuCountAsked,
});

/** Below an eighth of the usual batch, a format that comes later is better than a smaller batch. */
const SMALLEST_SHARE = 1 / 8;

/** Batches to try, largest first: the one that was asked for alone. */
function batchesOf(request: AdviceRequest): { batches: number[]; rule: ChoiceRule<number> } {
  const { batch } = request;
  if (batch !== undefined) {
    const asked = {
      rule: 'asked',
      when: 'asked for',
      holds: () => true,
      value: batch,
      because: 'it was asked for',
      source: '--batch',
    };
    return { batches: [batch], rule: asked };
  }
  const rule = firstRule(batchRules, factsOf(request, 1));
  const batches = [];
  for (let size = rule.value; size >= Math.max(1, rule.value * SMALLEST_SHARE); size /= 2) batches.push(size);
  return { batches, rule };
}

/** The fewest GPUs on which calibration fits; null where the budget does not do. */
export function calibrationGpusOf(request: AdviceRequest, spec: Spec): number | null {
  for (let gpus = 1; gpus <= request.gpus; gpus += 1) {
    const needed = bytesToCalibrate(request.config, { quantization: { ...spec.quantization, gpus } });
    if (needed <= request.gpu.memoryGb * GIGABYTE) return gpus;
  }
  return null;
}

const servesBatch = (request: AdviceRequest, spec: Spec, requests: number): boolean => {
  const memory = estimateServing(request.config, spec, findRelease(request.toolchain));
  return concurrencyOn(request.gpu.memoryGb * GIGABYTE, memory, spec) >= requests;
};

/** An unquantized engine that answers the gate's articles, on as few GPUs as hold it; else the model without an engine. */
function baselineOf(request: AdviceRequest, spec: Spec): DraftChoices['baseline'] {
  const own = specOfSide(spec, 'baseline');
  const [fitting] = legalParallelisms(request.config.shape, request.gpus, 'fewest').filter((parallelism) =>
    servesBatch(request, { ...own, parallelism, build: { ...own.build } }, 1),
  );
  if (fitting === undefined) return { source: 'huggingface' };
  const { tensor, pipeline } = spec.parallelism;
  return fitting.tensor === tensor && fitting.pipeline === pipeline ? undefined : { parallelism: fitting };
}

/** Whether lint has nothing against a draft that the request did not ask for itself. */
function isLegal(request: AdviceRequest, spec: Spec): boolean {
  const { fit } = lintModel(spec, 'candidate', request.config);
  const ofBaseline = spec.gate.baseline.source === 'engine' ? lintModel(spec, 'baseline', request.config).fit : [];
  return [...lintSpec(spec), ...fit, ...ofBaseline]
    .filter((finding) => isError(finding) || finding.severity === 'warning')
    .every(({ code }) => ALLOWED.has(code));
}

/** The draft with the GPUs that it needs beside, unless it does not fit or lint has something against it. */
function complete(request: AdviceRequest, draft: DraftChoices): { spec: Spec; choices: DraftChoices } | null {
  const first = draftSpec(request, draft);
  if (!servesBatch(request, first, draft.batch)) return null;
  const calibrationGpus = calibrationGpusOf(request, first);
  if (calibrationGpus === null) return null;
  const choices = { ...draft, calibrationGpus, baseline: baselineOf(request, first) };
  const spec = draftSpec(request, choices);
  return isLegal(request, spec) ? { spec, choices } : null;
}

/** Everything that may be proposed, in the order of the rules: formats, then batches, KV caches, parallelisms, AWQ blocks. */
function* draftsOf(request: AdviceRequest): Generator<{ draft: DraftChoices; rules: Proposal['rules'] }> {
  const largestFirst = [...findRelease(request.toolchain).awqBlockSizes].sort((left, right) => right - left);
  const lengths = lengthsOf(request);
  const { batches, rule: batchRule } = batchesOf(request);
  const parallelismRule = firstRule(parallelismRules, factsOf(request, 1));
  const parallelisms = legalParallelisms(request.config.shape, request.gpus, parallelismRule.value);
  for (const format of formatRules) {
    for (const batch of batches) {
      const facts = factsOf(request, batch);
      if (!rulesInOrder(formatRules, facts).includes(format)) continue;
      for (const kvCache of rulesInOrder(kvCacheRules, facts)) {
        for (const parallelism of parallelisms) {
          for (const awqBlockSize of isGrouped(format.value) ? largestFirst : [UNUSED_BLOCK]) {
            const chosen = { format: format.value, kvCache: kvCache.value, awqBlockSize, parallelism, batch, lengths };
            yield {
              draft: { ...chosen, calibrationGpus: 1, baseline: undefined },
              rules: { format, kvCache, parallelism: parallelismRule, batch: batchRule },
            };
          }
        }
      }
    }
  }
}

/** The first proposal, in the order of the rules, that is legal and fits; null when none does. */
export function search(request: AdviceRequest): Proposal | null {
  for (const { draft, rules } of draftsOf(request)) {
    const found = complete(request, draft);
    if (found !== null) return { ...found, rules };
  }
  return null;
}
