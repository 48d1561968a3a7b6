import { join } from 'node:path';
import { Command } from 'commander';
import pc from 'picocolors';
import type { Spec } from '../contracts/spec.js';
import type { EnginesmithClient } from '../enginesmith-client.js';
import { codeLocation } from '../platform/code-location.js';
import { readConfiguration } from '../platform/config.js';
import { sendSignal } from '../platform/process/kill-session.js';
import { askModel } from './ask-model.js';
import { checkBeforeStart } from './check-against-hub.js';
import { connected } from './connect.js';
import { type EnsuredDev, ensureDev } from './environment/ensure-dev.js';
import { stopDev } from './environment/stop-dev.js';
import { evidencePlaces } from './evidence-page.js';
import { exitCodes } from './exit-codes.js';
import { followPipeline } from './follow-pipeline.js';
import { onInterrupt } from './interrupts.js';
import { outcomeText } from './outcome-text.js';
import { createOutput, type Output, type OutputOptions } from './output.js';
import { exitCodeOfVerdict, type PipelineOutcome } from './pipeline-outcome.js';
import { readSpec } from './read-spec.js';

const defaultSpec = join(codeLocation.packageDirectory, 'examples/smollm2-135m-fp8.yaml');

const notes = `
Starts what is not running (see \`npx enginesmith dev -h\`), follows the
pipeline of the spec, asks the served model one question, and stops what it
started.

Examples:
  $ npx enginesmith demo
  $ npx enginesmith demo examples/smollm2-135m-bad-revision.yaml; echo $?
  $ npx enginesmith demo --keep && npx enginesmith deployments

Exit codes: 0 deployed, 2 nothing started: the spec or its model is refused,
3 rejected or inconclusive, 4 failed, 130 cancelled.`;

export const demoCommand = (): Command =>
  new Command('demo')
    .description('Runs the whole path on this machine: a real model, quantized, gated, served.')
    .argument('[spec]', 'YAML or JSON file (default: the FP8 example)')
    .option('--keep', 'leave the model serving, and the environment running')
    .option('--json', 'print the outcome as JSON, last; all else on stderr')
    .addHelpText('after', notes)
    .action(demo);

async function demo(
  file: string | undefined,
  { keep = false, json }: OutputOptions & { keep?: boolean },
): Promise<void> {
  const output = createOutput({ json });
  const spec = await readSpec(file ?? defaultSpec);
  await checkBeforeStart(spec, readConfiguration(process.env), output.note);
  const interrupted = new AbortController();
  let dev: EnsuredDev | null = null;
  const release = onInterrupt(
    () => {
      output.note('Stopping; tools are ended first. Ctrl-C again leaves at once.');
      interrupted.abort();
    },
    () => {
      // The environment ends itself and all that it runs, also without us.
      if (dev?.startedHere) sendSignal(dev.record.process.pid, 'SIGTERM');
      process.exit(exitCodes.cancelled);
    },
  );
  try {
    dev = await findEnvironment(output, interrupted.signal);
    process.exitCode = await runDemo(spec, {
      output,
      keep,
      signal: interrupted.signal,
      startedHere: dev?.startedHere ?? false,
    });
  } catch (failure) {
    if (!interrupted.signal.aborted) throw failure;
    process.exitCode = exitCodes.cancelled;
  } finally {
    if (dev?.startedHere && (!keep || interrupted.signal.aborted)) {
      output.note('Stopping the environment …');
      await stopDev(dev.record);
    }
    release();
  }
}

/** Null when TEMPORAL_ADDRESS names a server, whose workers are then used. */
async function findEnvironment({ note }: Output, signal: AbortSignal): Promise<EnsuredDev | null> {
  if (process.env.TEMPORAL_ADDRESS) return null;
  note('Starting Temporal, the Hub mirror and a worker, unless they run …');
  const dev = await ensureDev(readConfiguration(process.env).home, signal);
  note(`Temporal's Web UI: ${dev.record.webUi}`);
  return dev;
}

interface DemoContext {
  output: Output;
  keep: boolean;
  signal: AbortSignal;
  startedHere: boolean;
}

/** @returns the exit code */
function runDemo(spec: Spec, { output, keep, signal, startedHere }: DemoContext): Promise<number> {
  return connected(async ({ configuration, enginesmith, link }) => {
    const leaveServing = keep || (!startedHere && (await isWanted(enginesmith, spec.name)));
    signal.throwIfAborted();
    const run = await enginesmith.start(spec);
    const url = link(run);
    output.note(`Pipeline ${run.workflowId}${url === null ? '' : `\n  ${url}`}`);
    const cancel = (): void => {
      enginesmith.cancel(run.workflowId, run.runId).catch((failure: unknown) => output.note(`${failure}`));
    };
    if (signal.aborted) cancel();
    else signal.addEventListener('abort', cancel, { once: true });
    const outcome = await followPipeline(enginesmith, run, output.note);
    const { deployment } = outcome;
    try {
      if (deployment !== null) await showAnswer(deployment.grpcUrl, spec, output);
      const evidence = evidencePlaces(configuration, outcome);
      output.result(outcome, demoText(outcome, { url, spec, leaveServing, evidence }));
    } finally {
      if (deployment !== null && (!leaveServing || signal.aborted)) await enginesmith.stop(deployment.name);
    }
    return exitCodeOfVerdict[outcome.verdict];
  });
}

/** Whether somebody has the name serve: also while its Triton starts again, or has left its GPUs to a pipeline. */
const isWanted = (enginesmith: EnginesmithClient, name: string): Promise<boolean> =>
  enginesmith
    .deployments()
    .then((all) => all.some((state) => state.name === name && !['empty', 'stopped', 'failed'].includes(state.status)));

async function showAnswer(grpcUrl: string, { smoke }: Spec, { note }: Output): Promise<void> {
  note(`\n${pc.dim('You:  ')} ${smoke.prompt}`);
  process.stderr.write(pc.dim('Model: '));
  await askModel(grpcUrl, smoke, (text) => process.stderr.write(text));
  note('\n');
}

interface DemoFacts {
  url: string | null;
  spec: Spec;
  leaveServing: boolean;
  evidence: readonly string[];
}

function demoText(outcome: PipelineOutcome, { url, spec, leaveServing, evidence }: DemoFacts): string {
  return [
    outcomeText(outcome, evidence),
    '',
    ...(url === null ? [] : [`In the Web UI, each step with its inputs, times and retries:\n  ${url}`]),
    ...(outcome.deployment === null
      ? []
      : [leaveServing ? keptText(spec.name) : 'It is stopped again now; --keep leaves it serving.']),
  ].join('\n');
}

const keptText = (name: string): string =>
  `It goes on serving. To end it:
  npx enginesmith stop ${name}
  npx enginesmith dev --stop`;
