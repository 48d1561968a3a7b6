import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { execa } from 'execa';
import { processesNaming } from '../test/support/processes.js';

/**
 * What the demo costs after the set-up: its first run in an empty home, its second one from no process running, and the
 * peak of the memory of all its processes, as the sum of their proportional set sizes. Prints seconds and MiB.
 *
 *     npx tsx bench/demo.ts
 */
const home = await mkdtemp(join(tmpdir(), 'enginesmith-bench-'));

const pssBytes = async (pid: number): Promise<number> => {
  const rollup = await readFile(`/proc/${pid}/smaps_rollup`, 'utf8').catch(() => '');
  return Number(/^Pss:\s+(\d+) kB$/m.exec(rollup)?.[1] ?? 0) * 1024;
};

async function measure(): Promise<{ seconds: number; peakMebibytes: number; processesAtPeak: number }> {
  const startedAt = performance.now();
  let peak = 0;
  let processesAtPeak = 0;
  const demo = execa('npm', ['run', '--silent', 'demo', '--', '--json'], {
    env: { ENGINESMITH_HOME: home },
    timeout: 600_000,
    stderr: 'inherit',
  });
  const ended = demo.then(
    () => true,
    () => true,
  );
  while (!(await Promise.race([ended, delay(500, false)]))) {
    const processes = processesNaming(home);
    const sum = (await Promise.all(processes.map(({ pid }) => pssBytes(pid)))).reduce(
      (total, bytes) => total + bytes,
      0,
    );
    if (sum > peak) [peak, processesAtPeak] = [sum, processes.length];
  }
  await demo;
  return {
    seconds: Math.round((performance.now() - startedAt) / 100) / 10,
    peakMebibytes: Math.round(peak / 2 ** 20),
    processesAtPeak,
  };
}

try {
  const first = await measure();
  const second = await measure();
  console.table({ 'first run': first, 'second run, all reused': second });
  console.log(`second run: ${(second.seconds / first.seconds).toFixed(2)} of the first run's time`);
} finally {
  await rm(home, { recursive: true, force: true });
}
