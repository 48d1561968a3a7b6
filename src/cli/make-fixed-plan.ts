import type { AnySpec } from '../contracts/any-spec.js';
import { canonicalDigest } from '../contracts/canonical-json.js';
import type { Spec } from '../contracts/spec.js';
import { planBenchmark } from '../toolchains/benchmark.js';
import { renderArgv } from '../toolchains/command.js';
import { findRelease } from '../toolchains/releases.js';
import { planVisionLanguage } from '../toolchains/vision-language.js';
import type { Plan } from './make-plan.js';

/** The steps of a pipeline that this version plans and does not run: always all of them. */
export function makeFixedPlan(spec: Exclude<AnySpec, Spec>): Plan {
  const { name, release } = findRelease(spec.toolchain);
  const steps = spec.kind === 'benchmark' ? planBenchmark(spec) : planVisionLanguage(spec);
  return {
    spec: { name: spec.name, digest: canonicalDigest(spec) },
    toolchain: { name, release },
    steps: steps.map(({ name: step, queue, gpus, reads, commands }) => ({
      name: step,
      queue,
      action: 'maybe',
      reason: reads.length === 0 ? 'planned only' : `after ${reads.at(-1)}`,
      key: null,
      gpus,
      commands: commands.map((command) => ({ argv: renderArgv(command) })),
    })),
  };
}
