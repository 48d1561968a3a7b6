import pc from 'picocolors';
import wrapAnsi from 'wrap-ansi';
import type { DeployedRevision, DeploymentState } from '../contracts/deployment.js';

const TEXT_COLUMNS = 80;
const LABEL_COLUMNS = 12;

/** The revisions of a deployment for people, the newest first: what each rests on, and where its evidence is read. */
export const deploymentHistory = ({ revisions, currentNumber }: DeploymentState): string[] =>
  revisions.length === 0
    ? ['', 'No revision has taken this name yet.']
    : revisions.toReversed().flatMap((revision) => ['', ...revisionLines(revision, revision.number === currentNumber)]);

function revisionLines(revision: DeployedRevision, named: boolean): string[] {
  const { number, rollbackOf, promotedAt, description, servedGate, smoke } = revision;
  const { gate, pipeline } = description;
  const title = [
    pc.bold(`revision ${number}`),
    ...(rollbackOf === undefined ? [] : [`(revision ${rollbackOf} again)`]),
    `since ${promotedAt}`,
    ...(named ? ['← has the name'] : []),
  ].join(' ');
  return [
    title,
    ...labelled('gate', `${gate.verdict}: ${gate.reason}`),
    // Revisions of releases before the page have none. An address is never broken.
    ...(gate.page ? [`${label('evidence')}${gate.page}`] : []),
    ...labelled('served', servedGate === undefined ? 'not asked' : `${servedGate.verdict}: ${servedGate.reason}`),
    ...labelled('smoke', `first token after ${Math.round(smoke.timeToFirstTokenMs)} ms, ${smoke.chunks} chunks`),
    `${label('pipeline')}${pipeline}`,
  ];
}

const label = (text: string): string => `  ${text}`.padEnd(LABEL_COLUMNS);

const labelled = (name: string, text: string): string[] =>
  wrapAnsi(text, TEXT_COLUMNS - LABEL_COLUMNS)
    .split('\n')
    .map((line, index) => `${label(index === 0 ? name : '')}${line}`);
