import type { DeploymentState } from '../contracts/deployment.js';

/** What the Web UI shows of a deployment: whether it serves, where, and its history, the newest revision first. */
export function deploymentDetails({ name, status, currentNumber, endpoint, revisions }: DeploymentState): string {
  const rows = revisions.map(
    ({ number, description: { engine, gate, pipeline }, promotedAt }) =>
      `| ${number} | \`${engine.digest.slice(0, 12)}\` | ${gate.verdict} | ${promotedAt} | ${pipeline} |`,
  );
  return [
    `**${name}**: ${status}, revision ${currentNumber}`,
    ...(endpoint === null ? [] : ['', `gRPC \`${endpoint.grpcUrl}\`, HTTP \`${endpoint.httpUrl}\``]),
    '',
    '| revision | engine | gate | promoted | pipeline |',
    '|---|---|---|---|---|',
    ...rows.reverse(),
  ].join('\n');
}
