import { expect, test } from 'vitest';
import { oomKilled } from '../../src/activities/oom-killed.js';
import { classifyFailure } from '../../src/toolchains/failure-signatures/classify.js';

const killed = { signal: 'SIGKILL', exitCode: null };
const failed = { signal: null, exitCode: 1 };

test.each([
  ['nobody counts', undefined, killed, undefined],
  ['none was killed', { count: 0, scope: 'worker' as const }, killed, false],
  ['one of the run was', { count: 1, scope: 'run' as const }, failed, true],
  ['one of the worker’s was, and the tool', { count: 1, scope: 'worker' as const }, killed, true],
  ['one of the host’s was, and the tool failed', { count: 1, scope: 'host' as const }, failed, undefined],
])('where %s', (_, outOfMemoryKills, end, expected) => {
  expect(oomKilled({ ...end, outOfMemoryKills })).toBe(expected);
});

test('a build whose pool lost a process to the kernel has run out of memory, whoever counted', () => {
  const outcome = { ...failed, outOfMemoryKills: { count: 1, scope: 'worker' as const } };
  const log =
    'concurrent.futures.process.BrokenProcessPool: A process in the process pool was terminated abruptly while the future was running';
  const classified = classifyFailure({ ...outcome, tool: 'build', log, oomKilled: oomKilled(outcome) });
  expect(classified?.signature.type).toBe('HostOutOfMemory');
});
