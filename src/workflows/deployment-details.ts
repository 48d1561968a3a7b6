import type { DeployedRevision, DeploymentState, Yielded } from '../contracts/deployment.js';

/** What the Web UI shows of a deployment: whether it serves, where, and its history, the newest revision first. */
export function deploymentDetails({
  name,
  status,
  currentNumber,
  endpoint,
  yielded,
  trouble,
  revisions,
}: DeploymentState): string {
  return [
    `**${name}**: ${status}, revision ${currentNumber}`,
    ...(endpoint === null ? [] : ['', `gRPC \`${endpoint.grpcUrl}\`, HTTP \`${endpoint.httpUrl}\``]),
    ...(yielded === undefined ? [] : ['', yieldedSentence(yielded)]),
    ...(trouble === undefined ? [] : ['', `It did not come up: ${trouble}`]),
    '',
    '| revision | engine | gate | through Triton | first token | promoted | pipeline |',
    '|---|---|---|---|---|---|---|',
    ...revisions.map(row).reverse(),
  ].join('\n');
}

const row = ({ number, rollbackOf, description, servedGate, smoke, promotedAt }: DeployedRevision): string => {
  const { engine, gate, pipeline } = description;
  const cells = [
    rollbackOf === undefined ? `${number}` : `${number}, back to ${rollbackOf}`,
    `\`${engine.digest.slice(0, 12)}\``,
    // Revisions of releases before the page have none.
    gate.page ? `[${gate.verdict}](${gate.page}): ${gate.reason}` : `${gate.verdict}: ${gate.reason}`,
    servedGate === undefined ? 'not asked' : `${servedGate.verdict}: ${servedGate.reason}`,
    `${Math.round(smoke.timeToFirstTokenMs)} ms`,
    promotedAt,
    pipeline,
  ];
  return `| ${cells.map(cell).join(' | ')} |`;
};

const yieldedSentence = ({ to, since }: Yielded): string => {
  const pipelines = to.map(({ pipeline }) => pipeline).join(', ');
  return `It has left its GPUs to ${pipelines} since ${since}, and serves again when that has ended.`;
};

const cell = (text: string): string => text.replaceAll('|', '\\|').replaceAll('\n', ' ');
