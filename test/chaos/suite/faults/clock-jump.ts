import { readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { until } from '../../../support/until.js';
import { arrest } from '../arrest.js';
import { type Fault, secondsSince } from '../fault.js';
import { untilHistoryGoesOn } from '../progress.js';

const preload = fileURLToPath(new URL('../../../support/shifted-clock.mjs', import.meta.url));
const clockFile = (directory: string): string => join(directory, 'clock');

/** The wall clock of the worker's host jumps in the middle of the step, as after a long outage of its time server. */
const clockJump = (seconds: number): Fault => ({
  environment: {
    workerVariables: (directory) => ({
      NODE_OPTIONS: `--import ${preload}`,
      CHAOS_CLOCK_FILE: clockFile(directory),
    }),
  },
  async inject(context) {
    const { home, places, worker } = context.environment;
    const file = clockFile(dirname(home));
    const { release } = await arrest(context);
    const atMs = Date.now();
    await writeFile(file, `${seconds * 1000}`);
    const seen = await until('a clock that jumps', async () => {
      const lines = (await readFile(`${file}.seen`, 'utf8')).split('\n');
      return lines.find((line) => line.startsWith(`${worker.pid} `));
    });
    // By then it has renewed what it holds, by the wrong clock.
    const renewed = await until('a renewal by the wrong clock', async () => {
      const times = (await claims(places.claims)).map((mtimeMs) => Math.round((mtimeMs - Date.now()) / 60_000));
      return times.find((minutes) => Math.abs(minutes) > 30);
    });
    await release();
    const heldMs = Date.now();
    await untilHistoryGoesOn(context, heldMs);
    return {
      recoverySeconds: secondsSince(heldMs),
      proof: async () =>
        seen === undefined
          ? null
          : `the clock of worker ${worker.pid} jumped by ${seconds} s ${heldMs - atMs} ms before it went on; it renewed its claim for ${renewed} minutes from now`,
    };
  },
});

export const clockForward = clockJump(3600);
export const clockBack = clockJump(-3600);

async function claims(directory: string): Promise<number[]> {
  const entries = await readdir(directory, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  const times = files.map(async (path) => (await stat(path).catch(() => undefined))?.mtimeMs ?? 0);
  // A claim that was released has the time 0.
  return (await Promise.all(times)).filter((mtimeMs) => mtimeMs > 0);
}
