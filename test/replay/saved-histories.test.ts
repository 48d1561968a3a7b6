import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { DefaultLogger, Runtime, Worker } from '@temporalio/worker';
import { describe, expect, test } from 'vitest';

Runtime.install({ logger: new DefaultLogger('WARN'), shutdownSignals: [] });

const histories = fileURLToPath(new URL('../histories', import.meta.url));
const saved = readdirSync(histories).flatMap((type) =>
  readdirSync(join(histories, type)).map((file): [string, string] => [type, file]),
);

const replay = (history: unknown) =>
  Worker.runReplayHistory({ workflowsPath: fileURLToPath(new URL('../../src/workflows', import.meta.url)) }, history);

/**
 * A release adds a history and removes none: what an older release started must go on under this one. Before 1.0 a minor
 * release may break with the pipelines of the one before it, never with its deployments; then the changelog says so.
 */
describe('a workflow that an earlier release started', () => {
  test.each(saved)('goes on as it began: %s, %s', async (type, file) => {
    await replay(JSON.parse(readFileSync(join(histories, type, file), 'utf8')));
  });

  test('is refused when its steps no longer come in the same order', async () => {
    const text = readFileSync(join(histories, 'quantize-build-deploy', '0.2.0-deployed.json'), 'utf8');
    const changed = text.replaceAll('"activityType":{"name":"locate"}', '"activityType":{"name":"relocate"}');
    expect(changed).not.toBe(text);
    await expect(replay(JSON.parse(changed))).rejects.toThrow(/[Nn]ondeterminism|[Dd]eterminism/);
  });
});
