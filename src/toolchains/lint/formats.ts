import { computeCapability } from '../gpus.js';
import { isFrom } from '../release-order.js';
import type { ToolchainRelease } from '../releases.js';
import { releases } from '../releases.js';
import type { ModelRule, SpecRule } from './rule.js';
import { minimumOf, type SupportRow, supportTable } from './support-table.js';

/** The oldest toolchain from which on a row runs on a GPU; undefined where none is newer than the one that does not. */
const laterToolchain = (row: SupportRow, capability: number, { release }: ToolchainRelease): string | undefined =>
  row.runsOn
    .filter(({ fromMinor, minimum }) => !isFrom(release, fromMinor) && capability >= minimum)
    .map(({ fromMinor }) => releases.find(({ name }) => name === `trtllm-0.${fromMinor}`)?.name)[0];

const onGpu = (row: SupportRow): SpecRule => ({
  code: row.code,
  severity: row.severity,
  stage: 'spec',
  field: row.field,
  title: `${row.what} ${where(row)}`,
  why: row.why,
  fix: row.instead,
  source: row.source,
  check: (spec, release) => {
    const capability = computeCapability(spec.gpuClass);
    if (capability === null || !row.asked(spec)) return null;
    const minimum = minimumOf(row, (minor) => isFrom(release.release, minor));
    const runs = (minimum === null || capability >= minimum) && !row.notOn.includes(capability);
    if (runs) return null;
    const later = laterToolchain(row, capability, release);
    const needs =
      minimum === null
        ? `does not run on ${row.notOn.map((sm) => `sm${sm}`).join(', ')}`
        : `needs sm${minimum} or later`;
    const isByRelease = row.runsOn.length > 1;
    return {
      consequence: `${row.what} ${needs}${isByRelease ? ` in ${release.release}` : ''}; gpuClass is ${spec.gpuClass}`,
      fix: later === undefined ? row.instead : `${row.instead}, or use ${later} or later`,
    };
  },
});

/** Where a row does not run, for its title. */
function where({ runsOn, notOn }: SupportRow): string {
  if (runsOn.length === 0) return `on ${notOn.map((sm) => `sm${sm}`).join(' and ')}`;
  const below = runsOn.map(({ fromMinor, minimum }, index) =>
    runsOn.length === 1
      ? `below sm${minimum}`
      : `below sm${minimum} ${index === 0 ? 'at first' : `from v0.${fromMinor} on`}`,
  );
  return `on GPUs ${below.join(', ')}`;
}

const ofModel = (row: SupportRow): ModelRule => ({
  code: row.code,
  severity: row.severity,
  stage: 'model',
  sides: 'candidate',
  field: row.field,
  title: `${row.what}, with a model of ${row.notFor.join(', ')}`,
  why: row.why,
  fix: row.instead,
  source: row.source,
  check: ({ config, spec }) => {
    const architecture = config.architectures.find((name) => row.notFor.includes(name));
    return architecture === undefined || !row.asked(spec)
      ? null
      : { consequence: `no release lists ${spec.quantization.format} for ${architecture}` };
  },
});

/** What runs on which GPU, by release. */
export const gpuFormatRules: readonly SpecRule[] = supportTable.filter(({ notFor }) => notFor.length === 0).map(onGpu);

/** What is made for which models. */
export const modelFormatRules: readonly ModelRule[] = supportTable
  .filter(({ notFor }) => notFor.length > 0)
  .map(ofModel);
