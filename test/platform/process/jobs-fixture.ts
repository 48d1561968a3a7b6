import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { onTestFinished } from 'vitest';
import { createJobRunner, type JobRunner, type RunOptions } from '../../../src/platform/process/job-runner.js';

export const environment = { PATH: process.env.PATH ?? '/usr/bin:/bin' };

/** A job runner on a fresh directory; whatever runs at the end of the test is ended. */
export function temporaryRunner(...jobIds: string[]): { jobsDirectory: string; jobs: JobRunner } {
  const jobsDirectory = mkdtempSync(join(tmpdir(), 'enginesmith-jobs-'));
  const jobs = createJobRunner({ jobsDirectory });
  onTestFinished(async () => {
    for (const jobId of ['job', ...jobIds]) await jobs.stop(jobId, { graceMs: 0 });
    rmSync(jobsDirectory, { recursive: true, force: true });
  });
  return { jobsDirectory, jobs };
}

/** A bash script as a job with short time limits. */
export const bashJob = (script: string, changes: Partial<RunOptions> = {}): RunOptions => ({
  jobId: 'job',
  argv: ['bash', '-c', script],
  environment,
  workingDirectory: '/',
  kind: 'task',
  ownerTimeoutMs: 20_000,
  killGraceMs: 200,
  ...changes,
});

/** Waits for a condition; the test's own time limit bounds it. */
export async function until<Value>(probe: () => Value | Promise<Value>): Promise<NonNullable<Value>> {
  for (;;) {
    const value = await probe();
    if (value) return value;
    await sleep(20);
  }
}

/** Runs a TypeScript program, named relative to this folder, in a process of its own, which the test may SIGKILL. */
export function startProgram(name: string, ...programArguments: string[]): ChildProcess & { output: () => string } {
  const loader = pathToFileURL(createRequire(import.meta.url).resolve('tsx')).href;
  const file = fileURLToPath(new URL(name, import.meta.url));
  const child = spawn(process.execPath, ['--import', loader, file, ...programArguments], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let output = '';
  child.stdout?.on('data', (chunk) => {
    output += chunk;
  });
  onTestFinished(() => {
    child.kill('SIGKILL');
  });
  return Object.assign(child, { output: () => output });
}
