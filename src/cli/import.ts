import { basename, extname } from 'node:path';
import { Command } from 'commander';
import { EnginesmithFailure } from '../contracts/failures.js';
import { printable } from '../contracts/printable.js';
import { importScript } from '../import/import-script.js';
import { exitCodes } from './exit-codes.js';
import { findingsText } from './findings-text.js';
import { createOutput, type OutputOptions } from './output.js';
import { readScript } from './read-script.js';
import { writeNewFiles } from './write-new-files.js';

const notes = `
Reads the text only: nothing in it is run. Without --output the specs go to
<script>-specs in the current directory. A file that is
there already stays as it is: with other content, nothing is written.

Exit codes: 0 specs were written, whatever was found; 2 none could be.

Examples:
  $ npx enginesmith import deploy.sh
  $ npx enginesmith import --output specs/ notes.md`;

export const importCommand = (): Command =>
  new Command('import')
    .description(
      'Reads a shell script, or a Markdown page with shell blocks, that quantizes,\nbuilds and serves by hand; writes a spec for each pipeline, and says by line\nwhat is wrong in it.',
    )
    .argument('<script>', 'shell script or Markdown page, at most 512 KiB')
    .option('--output <dir>', 'where the specs go')
    .option('--json', 'print {"specs":[path],"findings":[{"code","severity","line","field","message","fix"}]}')
    .addHelpText('after', notes)
    .action(importFile);

async function importFile(
  file: string,
  { output: directory, json }: OutputOptions & { output?: string },
): Promise<void> {
  const output = createOutput({ json });
  const { text, kind } = await readScript(file);
  const origin = printable(basename(file)).replaceAll(/\s+/g, ' ');
  const { specs, findings, recognised } = importScript(text, { kind, origin });
  if (recognised === 0 && !findings.some(({ code }) => code === 'command-not-followed')) {
    throw new EnginesmithFailure(
      'InvalidSpec',
      `${file} has no command of TensorRT-LLM: looked for quantize.py, convert_checkpoint.py, trtllm-build, summarize.py, gptManagerBenchmark and what belongs to them`,
      { context: { origin: file } },
    );
  }
  const into = directory ?? `${basename(file, extname(file))}-specs`;
  const files = new Map(specs.map(({ name, yaml }) => [`${name}.yaml`, yaml]));
  const paths = files.size === 0 ? [] : await writeNewFiles(into, files);
  if (paths.length === 0) process.exitCode = exitCodes.badInput;
  output.result({ specs: paths, findings }, resultText(paths, findingsText(findings)));
}

/** `validate` takes one spec at a time. */
function nextText(paths: readonly string[]): string[] {
  const commands = paths.map((path) => `npx enginesmith validate ${path}`);
  return commands.length === 1 ? [`Next: ${commands[0]}`] : ['Next:', ...commands.map((command) => `  ${command}`)];
}

function resultText(paths: readonly string[], findings: string): string {
  const written =
    paths.length === 0
      ? ['No spec could be made.']
      : ['Specs:', ...paths.map((path) => `  ${path}`), '', ...nextText(paths)];
  return [...(findings === '' ? [] : [findings, '']), ...written].join('\n');
}
