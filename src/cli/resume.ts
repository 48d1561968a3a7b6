import { Command } from 'commander';
import type { Resumed } from '../resume-pipeline.js';
import { connected } from './connect.js';
import { followToEnd } from './follow-to-end.js';
import { createOutput, type OutputOptions } from './output.js';

const notes = `
The pipeline starts again under its workflow id, with the same spec and the
commits that it had pinned, and goes on from what is complete. One that still
runs is attached to; one that came to a verdict has nothing left to do.

--from STEP makes that step, and all that depend on it, anew although the store
has what they make: after a random seed, or a suspected artifact. Later runs
reuse what was made anew then; the old artifacts stay for what uses them.
\`npx enginesmith status ID\` shows the steps; \`promote\` only deploys again.

Examples:
  $ npx enginesmith resume smollm2-135m-fp8-155477666537
  $ npx enginesmith resume smollm2-135m-fp8-155477666537 --from engine
  $ npx enginesmith resume --detach --json smollm2-135m-fp8-155477666537

Exit codes: 0 deployed, 2 no such pipeline or step, 3 rejected or inconclusive,
4 failed, 130 cancelled.`;

export const resumeCommand = (): Command =>
  new Command('resume')
    .description(
      'Starts a pipeline again that failed, was cancelled, was terminated or is\ninconclusive, and follows it to its end.',
    )
    .argument('<id>', 'workflow id, as `run` prints it')
    .option('--from <step>', 'make this step anew, and all that depend on it')
    .option('--detach', 'start only; the pipeline goes on by itself')
    .option('--json', 'print the outcome as JSON; progress stays on stderr')
    .addHelpText('after', notes)
    .action(resume);

interface ResumeCommandOptions extends OutputOptions {
  from?: string;
  detach?: boolean;
}

async function resume(workflowId: string, { from, detach = false, json }: ResumeCommandOptions): Promise<void> {
  const output = createOutput({ json });
  await connected(async (connection) => {
    const resumed = await connection.enginesmith.resume(workflowId, { from });
    output.note(whatHappens(resumed, from));
    const { runId, state, remakes } = resumed;
    if (detach) {
      const url = connection.link(resumed);
      const hint = `See how far it is: npx enginesmith status ${workflowId}`;
      output.result(
        { workflowId, runId, url, state, remakes },
        [workflowId, ...(url === null ? [] : [url]), hint].join('\n'),
      );
      return;
    }
    await followToEnd(connection, resumed, output);
  });
}

function whatHappens({ workflowId, state, earlier, remakes }: Resumed, from: string | undefined): string {
  if (state === 'running') {
    const ignored = from === undefined ? '' : ` Nothing is made anew: cancel it first, then resume it --from ${from}.`;
    return `${workflowId} still runs: attached to it.${ignored}`;
  }
  const verdict = earlier.result?.verdict;
  if (state === 'decided') {
    return `${workflowId} came to its verdict: ${verdict}. Nothing is left to do; --from STEP makes steps anew.`;
  }
  const anew = remakes.length === 0 ? '' : ` Made anew: ${remakes.join(', ')}.`;
  const same =
    verdict === 'INCONCLUSIVE' && remakes.length === 0
      ? ' It saw all articles that its spec allows: unless steps are made anew (--from), it will be undecided again.'
      : '';
  return `${workflowId} ${ends[verdict ?? earlier.status] ?? 'ended'} and goes on.${anew}${same}`;
}

/** How a run ended, by its verdict or, without one, by Temporal's status. */
const ends: Record<string, string> = {
  DEPLOYED: 'was deployed',
  REJECTED: 'was rejected',
  INCONCLUSIVE: 'was inconclusive',
  FAILED: 'failed',
  CANCELLED: 'was cancelled',
  TERMINATED: 'was terminated',
  TIMED_OUT: 'timed out',
};
