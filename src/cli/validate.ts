import { Command } from 'commander';
import { canonicalDigest } from '../contracts/canonical-json.js';
import type { Spec } from '../contracts/spec.js';
import { readConfiguration } from '../platform/config.js';
import type { SpecSources } from '../toolchains/admit-spec.js';
import { checkAgainstHub } from './check-against-hub.js';
import { openHub } from './open-hub.js';
import { createOutput, type OutputOptions } from './output.js';
import { readSpec } from './read-spec.js';

const examples = `
Examples:
  $ npx enginesmith validate examples/smollm2-135m-fp8.yaml
  $ npx enginesmith validate --resolve spec.yaml`;

export const validateCommand = (): Command =>
  new Command('validate')
    .description(
      'Checks a spec as far as it can be checked without a server: syntax, fields,\nand that they fit each other and the toolchain.',
    )
    .argument('<spec>', 'YAML or JSON file')
    .option('--resolve', 'ask the Hub too: revisions, access, and that the model fits')
    .option('--json', 'print {"valid","name","digest","commits"} or {"error"}')
    .addHelpText('after', examples)
    .action(validate);

async function validate(file: string, { resolve = false, json }: OutputOptions & { resolve?: boolean }): Promise<void> {
  const output = createOutput({ json });
  const spec = await readSpec(file);
  const commits = resolve ? await askHub(spec, output.note) : null;
  const digest = canonicalDigest(spec);
  const pinned = commits === null ? '' : `\n${spec.model.repository} is at ${commits.model}, and fits.`;
  output.result(
    { valid: true, name: spec.name, digest, commits },
    `${file} is valid: pipeline ${spec.name}-${digest.slice(0, 12)}${pinned}`,
  );
}

async function askHub(spec: Spec, note: (line: string) => void): Promise<SpecSources<string>> {
  const opened = await openHub(readConfiguration(process.env));
  try {
    return await checkAgainstHub(spec, opened, note);
  } finally {
    await opened.close();
  }
}
