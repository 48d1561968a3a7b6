import type { DeploymentState } from '../contracts/deployment.js';
import { indentedText } from './indented-text.js';

/** A deployment as `deployments --json` lists it. */
export const describeDeployment = ({ name, currentNumber, status, endpoint, yielded, trouble }: DeploymentState) => ({
  name,
  revision: currentNumber,
  status,
  grpcUrl: endpoint?.grpcUrl ?? null,
  httpUrl: endpoint?.httpUrl ?? null,
  yielded: yielded ?? null,
  trouble: trouble ?? null,
});

/** A deployment for people: whether it serves and where, or why not. */
export const deploymentText = ({
  name,
  revision,
  status,
  grpcUrl,
  httpUrl,
  yielded,
  trouble,
}: ReturnType<typeof describeDeployment>): string =>
  [
    `${name}: ${status}, revision ${revision}`,
    ...(grpcUrl === null ? [] : [`  gRPC ${grpcUrl}, HTTP ${httpUrl}`]),
    ...(yielded === null
      ? []
      : [
          `  serves again when these have ended, since ${yielded.since}:`,
          ...yielded.to.map(({ pipeline }) => `    ${pipeline}`),
        ]),
    ...(trouble === null ? [] : [indentedText(`did not come up: ${trouble}`, '  ')]),
  ].join('\n');
