import Table from 'cli-table3';
import pc from 'picocolors';
import type { Advice } from '../toolchains/advise/advise.js';
import { gigabytes } from '../toolchains/estimates/gigabytes.js';
import { findingText } from './finding-text.js';
import { indentedText } from './indented-text.js';
import { noBorders } from './no-borders.js';

function stepsTable({ estimate }: Advice): string {
  const table = new Table({
    head: ['STEP', 'GPUS', 'MEMORY A GPU', 'HOST MEMORY', 'DISK'],
    chars: noBorders,
    style: { head: [], border: [], 'padding-left': 0, 'padding-right': 2 },
  });
  for (const { step, gpus, gpuMemory, host, disk } of estimate.steps) {
    const none = '-';
    table.push([
      step,
      gpus === 0 ? none : `${gpus}`,
      gpus === 0 ? none : gigabytes(gpuMemory),
      gigabytes(host),
      disk === 0 ? none : gigabytes(disk),
    ]);
  }
  return table
    .toString()
    .split('\n')
    .map((line) => line.trimEnd())
    .join('\n');
}

/** What is proposed, which rule decided each choice, and what it takes, for a terminal of 80 columns. */
export function adviceText(advice: Advice, heading: string): string {
  const { choices, estimate, findings, spec } = advice;
  const { weights, activations, kvCache } = estimate.serving;
  return [
    indentedText(heading, ''),
    '',
    ...choices.flatMap(({ field, value, rule, because }) => [
      `${pc.bold(field)}: ${value} ${pc.dim(`[${rule}]`)}`,
      indentedText(because, '  '),
    ]),
    '',
    'Estimates, from the sizes in config.json, the formats and the limits:',
    '',
    stepsTable(advice),
    '',
    indentedText(
      `Serving, a GPU: ${gigabytes(weights)} weights, ${gigabytes(activations)} activations, ${gigabytes(kvCache)} KV cache: ` +
        `${estimate.concurrency} of ${spec.build.maxBatchSize} longest requests at once. Disk in all: ${gigabytes(estimate.disk)}.`,
      '',
    ),
    ...findings.filter(({ severity }) => severity === 'warning').map((finding) => `\n${findingText(finding)}`),
  ].join('\n');
}
