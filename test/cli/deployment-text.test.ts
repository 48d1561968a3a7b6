import { expect, test } from 'vitest';
import { deploymentText, describeDeployment } from '../../src/cli/deployment-text.js';
import { type DeploymentState, emptyDeployment } from '../../src/contracts/deployment.js';
import { deploymentDetails } from '../../src/workflows/deployment-details.js';

const trouble =
  'Smoke test, models-ready: ensemble at 127.0.0.1:9001 is not ready after 3000 s, and its log says that the tokenizer is missing.';
const fallen: DeploymentState = { ...emptyDeployment('app'), currentNumber: 3, status: 'restarting', trouble };

test('a deployment that does not come up says why, in 80 columns', () => {
  const lines = deploymentText(describeDeployment(fallen)).split('\n');
  expect(lines[0]).toBe('app: restarting, revision 3');
  expect(lines.slice(1).join(' ').replaceAll(/\s+/g, ' ')).toBe(` did not come up: ${trouble}`);
  expect(Math.max(...lines.map((line) => line.length))).toBeLessThanOrEqual(80);
});

test('the Web UI says it too', () => {
  expect(deploymentDetails(fallen)).toContain(`It did not come up: ${trouble}`);
});

test('one that serves says where, and nothing else', () => {
  const endpoint = { name: 'app', revision: 3, grpcUrl: '127.0.0.1:1', httpUrl: 'http://127.0.0.1:2', metricsUrl: '' };
  const { trouble: _, ...serving } = { ...fallen, status: 'serving' as const, endpoint };
  expect(deploymentText(describeDeployment(serving))).toBe(
    'app: serving, revision 3\n  gRPC 127.0.0.1:1, HTTP http://127.0.0.1:2',
  );
  expect(deploymentDetails(serving)).not.toContain('come up');
});
