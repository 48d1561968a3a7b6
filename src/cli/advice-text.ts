import Table from 'cli-table3';
import pc from 'picocolors';
import wrapAnsi from 'wrap-ansi';
import type { Advice } from '../toolchains/advise/advise.js';
import { gigabytes } from '../toolchains/estimates/gigabytes.js';
import { findingText } from './finding-text.js';
import { noBorders } from './no-borders.js';

const COLUMNS = 80;

const wrapped = (text: string, indent: string): string =>
  wrapAnsi(text, COLUMNS - indent.length)
    .split('\n')
    .map((line) => `${indent}${line}`)
    .join('\n');

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
    wrapped(heading, ''),
    '',
    ...choices.flatMap(({ field, value, rule, because }) => [
      `${pc.bold(field)}: ${value} ${pc.dim(`[${rule}]`)}`,
      wrapped(because, '  '),
    ]),
    '',
    'Estimates, from the sizes in config.json, the formats and the limits:',
    '',
    stepsTable(advice),
    '',
    wrapped(
      `Serving, a GPU: ${gigabytes(weights)} weights, ${gigabytes(activations)} activations, ${gigabytes(kvCache)} KV cache: ` +
        `${estimate.concurrency} of ${spec.build.maxBatchSize} longest requests at once. Disk in all: ${gigabytes(estimate.disk)}.`,
      '',
    ),
    ...findings.filter(({ severity }) => severity === 'warning').map((finding) => `\n${findingText(finding)}`),
  ].join('\n');
}
