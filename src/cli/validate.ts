import { Command } from 'commander';
import { canonicalDigest } from '../contracts/canonical-json.js';
import { createOutput, type OutputOptions } from './output.js';
import { readSpec } from './read-spec.js';

export const validateCommand = (): Command =>
  new Command('validate')
    .description(
      'Checks a spec as far as it can be checked without a server: syntax, fields,\nand that they fit each other and the toolchain.',
    )
    .argument('<spec>', 'YAML or JSON file')
    .option('--json', 'print {"valid","name","digest"} or {"error"}')
    .addHelpText('after', '\nExamples:\n  $ npx enginesmith validate examples/smollm2-135m-fp8.yaml')
    .action(validate);

async function validate(file: string, options: OutputOptions): Promise<void> {
  const spec = await readSpec(file);
  const digest = canonicalDigest(spec);
  createOutput(options).result(
    { valid: true, name: spec.name, digest },
    `${file} is valid: pipeline ${spec.name}-${digest.slice(0, 12)}`,
  );
}
