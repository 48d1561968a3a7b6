import { Command, Option } from 'commander';
import { canonicalDigest } from '../contracts/canonical-json.js';
import type { Finding } from '../contracts/finding.js';
import type { Spec } from '../contracts/spec.js';
import { readConfiguration } from '../platform/config.js';
import type { SpecSources } from '../toolchains/admit-spec.js';
import { checkModel } from '../toolchains/check-model.js';
import { lintSpec } from '../toolchains/lint/lint.js';
import type { ModelConfig } from '../toolchains/model-config.js';
import { checkAgainstHub } from './check-against-hub.js';
import { findingText } from './finding-text.js';
import { openHub } from './open-hub.js';
import { createOutput, type OutputOptions } from './output.js';
import { readLocalModelConfig } from './read-model-config.js';
import { readAnySpec } from './read-spec.js';

const examples = `
An error refuses the spec (exit code 2). A warning says that something is likely
not meant; a note informs. docs/lint.md lists every rule, by its code.

Examples:
  $ npx enginesmith validate examples/smollm2-135m-fp8.yaml
  $ npx enginesmith validate --resolve spec.yaml
  $ npx enginesmith validate --model-config /models/Qwen2-7B spec.yaml
  $ npx enginesmith validate --json spec.yaml | jq -r '.findings[].code'`;

export const validateCommand = (): Command =>
  new Command('validate')
    .description(
      'Checks a spec as far as it can be checked without a server: syntax, fields,\nand that they fit each other and the toolchain.',
    )
    .argument('<spec>', 'YAML or JSON file')
    .option('--resolve', 'ask the Hub too: revisions, access, and that the model fits')
    .addOption(
      new Option(
        '--model-config <file>',
        'check that the model fits, by its config.json, or its directory, on this machine',
      ).conflicts('resolve'),
    )
    .option('--json', 'print {"valid","name","digest","commits","findings"} or {"error"}')
    .addHelpText('after', examples)
    .action(validate);

interface ValidateOptions extends OutputOptions {
  resolve?: boolean;
  modelConfig?: string;
}

async function validate(file: string, { resolve = false, modelConfig, json }: ValidateOptions): Promise<void> {
  const output = createOutput({ json });
  const spec = await readAnySpec(file);
  const digest = canonicalDigest(spec);
  if (spec.kind !== 'deployment') {
    const text = `${file} is valid: ${spec.kind} ${spec.name}-${digest.slice(0, 12)}, which this version plans and does not run`;
    output.result({ valid: true, name: spec.name, digest, commits: null, findings: [] }, text);
    return;
  }
  const asked = resolve ? await askHub(spec) : null;
  const ofModel = modelConfig === undefined ? [] : checkBothSides(spec, await readLocalModelConfig(modelConfig));
  const commits = asked?.commits ?? null;
  const findings = [...lintSpec(spec), ...(asked?.findings ?? []), ...ofModel];
  const pinned = commits === null ? '' : `\n${spec.model.repository} is at ${commits.model}, and fits.`;
  const { repository: other = spec.model.repository } = spec.gate.baseline;
  if (modelConfig !== undefined && other !== spec.model.repository) {
    output.note(`note: the baseline is ${other}, whose config.json was not looked at; --resolve asks the Hub for it`);
  }
  const valid = `${file} is valid: pipeline ${spec.name}-${digest.slice(0, 12)}${pinned}`;
  output.result(
    { valid: true, name: spec.name, digest, commits, findings },
    [...findings.map(findingText), valid].join('\n'),
  );
}

/**
 * Checks the sides that are made of this model: a baseline of another repository is not.
 * @throws EnginesmithFailure as `checkModel`
 */
function checkBothSides(spec: Spec, config: ModelConfig): Finding[] {
  const { source, repository = spec.model.repository } = spec.gate.baseline;
  const ofCandidate = checkModel(spec, 'candidate', config);
  const isShared = source !== 'evaluations' && repository === spec.model.repository;
  return isShared ? [...ofCandidate, ...checkModel(spec, 'baseline', config)] : ofCandidate;
}

async function askHub(spec: Spec): Promise<{ commits: SpecSources<string>; findings: Finding[] }> {
  const opened = await openHub(readConfiguration(process.env));
  try {
    return await checkAgainstHub(spec, opened);
  } finally {
    await opened.close();
  }
}
