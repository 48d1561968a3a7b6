import type { AdmittedSpec } from '../../src/contracts/admitted-spec.js';
import { type Spec, type SpecInput, specSchema } from '../../src/contracts/spec.js';
import { admitSpec } from '../../src/toolchains/admit-spec.js';

const dataset = { repository: 'enginesmith/cnn_dailymail', revision: 'main' };

/** A whole spec for tests, changed by the caller before its defaults are filled. */
export function testSpec(change: (input: SpecInput) => void = () => {}): Spec {
  const input: SpecInput = {
    apiVersion: 'enginesmith/v1',
    name: 'test',
    model: { repository: 'meta-llama/Llama-2-13b-chat-hf' },
    quantization: { format: 'fp8', calibration: { dataset, samples: 32, maxSequenceTokens: 256 } },
    build: { maxBatchSize: 4, maxInputTokens: 1024, maxOutputTokens: 256 },
    gate: { dataset, articles: 16, maxInputTokens: 512, margin: { share: 0.1 } },
  };
  change(input);
  return specSchema.parse(input);
}

/** The spec as admission pins it: every commit is a run of one digit. */
export const testAdmission = (spec: Spec = testSpec()): AdmittedSpec =>
  admitSpec({
    spec,
    commits: {
      model: '1'.repeat(40),
      baselineModel: spec.gate.baseline.revision === undefined ? '1'.repeat(40) : '2'.repeat(40),
      evaluationDataset: '3'.repeat(40),
      calibrationDataset: spec.quantization.calibration === undefined ? null : '3'.repeat(40),
    },
    toolchain: { name: 'reference-cpu', release: 'v0.10.0', identity: 'a'.repeat(64) },
    pinnedEvaluations: [],
    start: null,
    servingHost: 'host-a',
    expectedRevision: 0,
  });
