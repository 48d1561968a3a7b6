import { readFile } from 'node:fs/promises';
import { stripVTControlCharacters } from 'node:util';
import Table from 'cli-table3';
import { Command, InvalidArgumentError } from 'commander';
import { EnginesmithFailure } from '../contracts/failures.js';
import type { StepState } from '../contracts/pipeline.js';
import { printable } from '../contracts/printable.js';
import { readConfiguration } from '../platform/config.js';
import { ifPresent } from '../platform/durable-files.js';
import { type AttemptLog, attemptFiles, listAttemptLogs, listLogsOf } from '../platform/logs/attempt-logs.js';
import { createLogReader } from '../platform/logs/log-reader.js';
import { placesOf } from '../platform/places.js';
import { requireStep } from '../toolchains/dependent-steps.js';
import { planSteps } from '../toolchains/step-plans.js';
import { attemptSentence } from './attempt-sentence.js';
import { type Connected, connected } from './connect.js';
import { exitCodes } from './exit-codes.js';
import { followLogs } from './follow-logs.js';
import { noBorders } from './no-borders.js';
import { createOutput, isReaderGone, type OutputOptions } from './output.js';

const notes = `
Logs are read from the store of the workers (ENGINESMITH_HOME), on any host that
reaches it, whether a worker or Temporal runs or not; -f asks Temporal when the
step has ended. Steps that run no tool, and those that were reused, have none.
Of a tool that floods its output the beginning and the end are kept. What would
move the cursor and what looks like a secret is taken out.

Examples:
  $ npx enginesmith logs smollm2-135m-fp8-155477666537
  $ npx enginesmith logs smollm2-135m-fp8-155477666537 --step engine -f
  $ npx enginesmith logs ID --step checkpoint --attempt 1 --stacks`;

export const logsCommand = (): Command =>
  new Command('logs')
    .description("Prints what a pipeline's tools printed; without --step, lists them.")
    .argument('<id>', 'workflow id, as `run` prints it, or run id')
    .option('--step <step>', 'step whose log is printed, as `status` names it')
    .option('--attempt <number>', 'which attempt at it (default: the last one)', positiveInteger)
    .option('-f, --follow', 'go on until the step has ended, attempt after attempt')
    .option('--stacks', 'print what a tool that stalled was doing, instead')
    .option('--json', 'print {"attempts":[…]}, or {"line"} for each line of a log')
    .addHelpText('after', notes)
    .action(logs);

interface LogsOptions extends OutputOptions {
  step?: string;
  attempt?: number;
  follow?: boolean;
  stacks?: boolean;
}

const ended: ReadonlySet<StepState> = new Set<StepState>(['ran', 'reused', 'failed', 'cancelled']);

async function logs(id: string, options: LogsOptions): Promise<void> {
  const { step, attempt, follow = false, stacks = false, json = false } = options;
  const output = createOutput({ json });
  const { logs: directory } = placesOf(readConfiguration(process.env));
  if (step === undefined) {
    if (follow || stacks)
      throw new EnginesmithFailure('InvalidSpec', 'Say of which step: --step engine, as `status` names it.');
    const attempts = await listLogsOf(directory, id);
    if (attempts.length === 0) throw none(id, directory);
    output.result({ id, attempts: attempts.map(withoutDirectory) }, tableOf(attempts));
    return;
  }
  process.stdout.on('error', (error) => {
    if (isReaderGone(error)) process.exit(exitCodes.ok);
  });
  const print = (line: string): void => {
    const text = printable(stripVTControlCharacters(line));
    process.stdout.write(`${json ? JSON.stringify({ line: text }) : text}\n`);
  };
  if (follow) {
    await connected(async ({ enginesmith, describe }) => {
      const { workflowId, runId } = await runOf(id, directory, describe);
      const asked = await enginesmith.progress(workflowId, runId).catch(() => undefined);
      if (asked?.admitted) requireStep(planSteps(asked.admitted), step);
      /** A pipeline whose workers are away is not over: they come back. */
      const nothingFollows = async (): Promise<boolean> => {
        if ((await describe(workflowId, runId)).status !== 'RUNNING') return true;
        const progress = await enginesmith.progress(workflowId, runId).catch(() => undefined);
        return progress?.steps.some(({ name, state }) => name === step && ended.has(state)) ?? false;
      };
      const list = (): Promise<AttemptLog[]> => listAttemptLogs(directory, runId);
      await followLogs({ step, list, nothingFollows, print, note: output.note });
    });
    return;
  }
  const [chosen, ...older] = choose(await listLogsOf(directory, id), { id, step, attempt, directory });
  if (attempt !== undefined && older.length > 0)
    output.note(`This is the latest of ${older.length + 1} with that number. ${older.map(elsewhere).join('. ')}.`);
  if (stacks) {
    const kept = await ifPresent(() => readFile(attemptFiles(chosen.directory).stacks, 'utf8'));
    if (kept === undefined)
      throw new EnginesmithFailure('NotFound', `Attempt ${chosen.attempt} at ${step} has not stalled.`);
    for (const line of kept.split('\n')) print(line);
    return;
  }
  await createLogReader(chosen.directory, print).finish();
  if (chosen.state !== 'succeeded') output.note(attemptSentence(chosen));
}

/** The run that is followed: of a run id, that one; of a workflow id, its last. */
async function runOf(
  id: string,
  directory: string,
  describe: Connected['describe'],
): Promise<{ workflowId: string; runId: string }> {
  const [known] = await listAttemptLogs(directory, id);
  return known ?? { workflowId: id, runId: (await describe(id)).runId };
}

/** Those that are asked for, the latest first: a step that was made again, or by another run, counts its attempts anew. */
function choose(
  all: readonly AttemptLog[],
  { id, step, attempt, directory }: { id: string; step: string; attempt: number | undefined; directory: string },
): [AttemptLog, ...AttemptLog[]] {
  if (all.length === 0) throw none(id, directory);
  const ofStep = all.filter((each) => each.step === step).reverse();
  const [found, ...older] = attempt === undefined ? ofStep : ofStep.filter((each) => each.attempt === attempt);
  if (found !== undefined) return [found, ...older];
  const steps = [...new Set(all.map((each) => each.step))].join(', ');
  const asked = attempt === undefined ? step : `attempt ${attempt} at ${step}`;
  throw new EnginesmithFailure('NotFound', `There is no log of ${asked}. There are logs of ${steps}.`);
}

const elsewhere = ({ startedAt, directory }: AttemptLog): string => `That of ${startedAt} is in ${directory}`;

const none = (id: string, directory: string): EnginesmithFailure =>
  new EnginesmithFailure(
    'NotFound',
    `No tool of "${id}" has a log in ${directory}: none has run yet, all its steps were reused, its logs were removed, or its ` +
      'workers have another ENGINESMITH_HOME.',
  );

const withoutDirectory = ({ directory: _, ...record }: AttemptLog): Omit<AttemptLog, 'directory'> => record;

function tableOf(attempts: readonly AttemptLog[]): string {
  const table = new Table({ chars: noBorders, style: { head: [], border: [], 'padding-left': 0, 'padding-right': 2 } });
  table.push(['STEP', 'ATTEMPT', 'STATE', 'HOST', 'STARTED', '']);
  for (const { step, attempt, state, host, startedAt, failure } of attempts) {
    table.push([step, `${attempt}`, state, host, startedAt, failure?.type ?? '']);
  }
  return table.toString();
}

function positiveInteger(value: string): number {
  const number = Number(value);
  if (!Number.isInteger(number) || number < 1) throw new InvalidArgumentError('It is a number from 1 on.');
  return number;
}
