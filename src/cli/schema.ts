import { Command } from 'commander';
import { specJsonSchema } from '../contracts/spec-json-schema.js';
import { specPage } from './spec-page.js';

const notes = `
Examples:
  $ npx enginesmith schema > spec.schema.json`;

export const schemaCommand = (): Command =>
  new Command('schema')
    .description('Prints the JSON Schema of a spec, for editors and other programs.')
    .option('--page', 'print the reference page of its fields instead, as Markdown')
    .option('--json', 'changes nothing: a schema is JSON')
    .addHelpText('after', notes)
    .action(({ page = false }: { page?: boolean }) => {
      process.stdout.write(page ? specPage() : `${JSON.stringify(specJsonSchema(), null, 2)}\n`);
    });
