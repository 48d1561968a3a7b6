import { asksAsTool } from '../asks-as-tool.js';
import { MAXIMUM_SHARDS, planLooks } from '../looks.js';
import type { Hit, SpecRule } from './rule.js';

/** Spread of the differences between two texts that docs/gate.md saw with the quietest format, FP8, in ROUGE points. */
const QUIET_SPREAD_POINTS = 3.6;

/** A baseline's score that docs/gate.md calculates with: summaries of cnn_dailymail by a small chat model. */
const USUAL_SCORE_POINTS = 41;

/** Quantiles of 95 % and 90 %: an equal model passes nine times in ten. */
const NEEDED_STANDARD_ERRORS = 1.645 + 1.282;

/** Lengths and numbers of the gate against the engine. */
const sizeRules: readonly SpecRule[] = [
  {
    code: 'gate-input-above-engine',
    severity: 'error',
    stage: 'spec',
    field: 'gate.maxInputTokens',
    title: 'articles that are longer than the engine takes',
    why: 'The engine would refuse them after everything before has been built.',
    fix: 'ask shorter texts, or build for longer ones',
    source: 'Enginesmith',
    check: ({ gate, build }) =>
      gate.maxInputTokens <= build.maxInputTokens
        ? null
        : {
            consequence: `${gate.maxInputTokens} is more than build.maxInputTokens ${build.maxInputTokens}: the engine would refuse the articles`,
            fix: `at most ${build.maxInputTokens}`,
          },
  },
  {
    code: 'gate-output-above-engine',
    severity: 'error',
    stage: 'spec',
    field: 'gate.maxOutputTokens',
    title: 'summaries that are longer than the engine gives',
    why: 'The engine would refuse them after everything before has been built.',
    fix: 'ask shorter texts, or build for longer ones',
    source: 'Enginesmith',
    check: ({ gate, build }) =>
      gate.maxOutputTokens <= build.maxOutputTokens
        ? null
        : {
            consequence: `${gate.maxOutputTokens} is more than build.maxOutputTokens ${build.maxOutputTokens}: the engine would refuse the summaries`,
            fix: `at most ${build.maxOutputTokens}`,
          },
  },
  {
    code: 'gate-too-many-runs',
    severity: 'error',
    stage: 'spec',
    field: 'gate.articles',
    title: 'more runs over prompts than one workflow holds',
    why: 'run.py takes no more prompts than the batch, and each run is eight activities of the history.',
    fix: 'ask fewer prompts, or build for larger batches',
    source: 'Enginesmith',
    check: ({ gate, build }) => {
      const counts = planLooks({ gate, build }).flatMap(({ shards }) => shards.map(({ count }) => count));
      if (counts.length <= MAXIMUM_SHARDS) return null;
      const most = counts.slice(0, MAXIMUM_SHARDS).reduce((total, count) => total + count, 0);
      return {
        consequence:
          `${gate.articles} prompts are asked in ${counts.length} runs, which build.maxBatchSize ${build.maxBatchSize} bounds; ` +
          `at most ${MAXIMUM_SHARDS} runs`,
        fix: `ask ${most} prompts at most, or build for larger batches`,
      };
    },
  },
  {
    code: 'gate-cannot-decide',
    severity: 'warning',
    stage: 'spec',
    field: 'gate.articles',
    title: 'too few articles for the margin',
    why: 'A candidate that is as good as its baseline stays INCONCLUSIVE most nights, and is not deployed.',
    fix: 'ask more articles, or allow a wider margin',
    source: `docs/gate.md: a spread of ${QUIET_SPREAD_POINTS} points with the quietest format, a baseline of ${USUAL_SCORE_POINTS} points`,
    check: ({ gate: { articles, margin } }) => {
      const points = margin.points ?? (margin.share ?? 0) * USUAL_SCORE_POINTS;
      const needed = Math.ceil(((NEEDED_STANDARD_ERRORS * QUIET_SPREAD_POINTS) / points) ** 2);
      if (articles >= needed) return null;
      const said =
        margin.points === undefined
          ? `about ${points.toFixed(1)} points, if the baseline scores ${USUAL_SCORE_POINTS}`
          : `${points} points`;
      return {
        consequence: `${articles} articles seldom decide a margin of ${said}: an equal model stays INCONCLUSIVE`,
        fix: `ask about ${needed} articles or more, as estimated for FP8's small spread, or allow a wider margin`,
      };
    },
  },
];

/** What a baseline is made of. */
const baselineRules: readonly SpecRule[] = [
  {
    code: 'huggingface-baseline-of-prompts',
    severity: 'error',
    stage: 'spec',
    field: 'gate.baseline.source',
    title: 'prompts for the Hugging Face model',
    why: 'No program of the releases asks the model itself anything but summaries.',
    fix: 'use engine',
    source: 'summarize.py and run.py, v0.9 to v0.13',
    check: ({ gate: { baseline, dataset } }) =>
      baseline.source === 'huggingface' && dataset.kind === 'prompts'
        ? { consequence: 'huggingface summarizes articles only: no program asks the model itself other prompts' }
        : null,
  },
  {
    code: 'huggingface-baseline-reads-engine',
    severity: 'note',
    stage: 'spec',
    field: 'gate.baseline.source',
    title: 'the Hugging Face model as the baseline, on a TensorRT-LLM release',
    why: "Its summarize.py opens the config.json of an engine before it looks at what it is asked for, so it is given the candidate's. The baseline answers after that is built, and anew for each candidate.",
    fix: 'name the answers of an earlier pipeline in gate.baseline.evaluations, where the time of the baseline counts',
    source: 'summarize.py, v0.9 to v0.13: read_model_name',
    check: ({ gate: { baseline } }, { release, modelNeedsEngine }) =>
      baseline.source === 'huggingface' && modelNeedsEngine
        ? {
            consequence: `summarize.py of ${release} wants an engine even for the model itself: the baseline waits for the candidate's, and its answers serve no other candidate`,
          }
        : null,
  },
  {
    code: 'baseline-evaluations',
    severity: 'error',
    stage: 'spec',
    field: 'gate.baseline.evaluations',
    title: 'evaluations that exist, without their source, or not one for each shard',
    why: 'Each shard of articles is compared with the evaluation of the same articles.',
    fix: 'name the digests, one a shard, in order',
    source: 'Enginesmith',
    check: ({ gate, build }): Hit | null => {
      const { source, evaluations } = gate.baseline;
      if (source !== 'evaluations') {
        if (evaluations === undefined) return null;
        return {
          consequence: `belongs to gate.baseline.source evaluations, not to ${source}`,
          fix: 'leave it out, or set the source',
        };
      }
      if (evaluations === undefined) return { consequence: 'is required by gate.baseline.source evaluations' };
      if (new Set(evaluations).size < evaluations.length) {
        return { consequence: 'names an evaluation twice: each shard has its own' };
      }
      const shards = planLooks({ gate, build }).flatMap((look) => look.shards);
      if (evaluations.length === shards.length) return null;
      const sizes = shards.map(({ count }) => count).join(' + ');
      return {
        consequence: `has ${evaluations.length} digests; ${gate.articles} articles are looked at in ${shards.length} shards (${sizes})`,
        fix: 'name one evaluation for each',
      };
    },
  },
  {
    code: 'baseline-revision-unused',
    severity: 'error',
    stage: 'spec',
    field: 'gate.baseline.revision',
    title: 'a revision of the model beside evaluations that exist',
    why: 'Evaluations that exist need no model: the revision would be ignored.',
    fix: 'leave it out',
    source: 'Enginesmith',
    check: ({ gate: { baseline } }) =>
      baseline.source === 'evaluations' && baseline.revision !== undefined
        ? {
            consequence: 'belongs to gate.baseline.source engine or huggingface: evaluations that exist need no model',
          }
        : null,
  },
  {
    code: 'baseline-parallelism-unused',
    severity: 'error',
    stage: 'spec',
    field: 'gate.baseline.parallelism',
    title: 'a parallelism for a baseline that is no engine',
    why: 'It would be ignored.',
    fix: 'leave it out',
    source: 'Enginesmith',
    check: ({ gate: { baseline } }) =>
      baseline.parallelism !== undefined && baseline.source !== 'engine'
        ? { consequence: `belongs to gate.baseline.source engine, not to ${baseline.source}` }
        : null,
  },
  {
    code: 'limits-need-engines',
    severity: 'error',
    stage: 'spec',
    field: 'gate.limits',
    title: 'limits on what is compared token by token, where nothing can compare',
    why: 'They need two engines and a program that compares them; the gate could never pass.',
    fix: 'leave it out',
    source: 'Enginesmith; the releases have no such program',
    check: ({ gate: { limits, baseline } }, { name, comparesEngines }) =>
      (['perplexityIncrease', 'klDivergence', 'top1Agreement'] as const)
        .filter((limit) => limits[limit] !== undefined)
        .flatMap((limit): Hit[] => {
          const field = `gate.limits.${limit}`;
          if (!comparesEngines)
            return [{ field, consequence: `toolchain ${name} cannot compare engines token by token` }];
          if (baseline.source !== 'evaluations') return [];
          return [
            {
              field,
              consequence: 'compares with an engine, and gate.baseline.source evaluations has none',
              fix: 'leave it out, or use source engine',
            },
          ];
        }),
  },
];

/** The gate on what is served. */
const servedRules: readonly SpecRule[] = [
  {
    code: 'served-gate-left-out',
    severity: 'note',
    stage: 'spec',
    field: 'gate.served.articles',
    title: 'articles for a model of family qwen, on a TensorRT-LLM release',
    why: 'Its summarize.py asks these models in a chat of its own. Other words through Triton would be judged as a fault of what serves, so the gate through Triton is left out.',
    fix: 'use gate.dataset.kind prompts, which go through the chat template on both sides, or ask 0',
    source: 'summarize.py, v0.9 to v0.13',
    check: (spec) =>
      spec.gate.served.articles === 0 || asksAsTool(spec)
        ? null
        : {
            consequence:
              'nothing is asked through Triton: summarize.py has a chat of its own for models of family qwen, which is not known to the letter',
          },
  },
];

/** How the parts of the gate belong together. */
export const gateRules: readonly SpecRule[] = [...sizeRules, ...baselineRules, ...servedRules];
