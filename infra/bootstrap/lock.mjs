import { spawn } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { dirname } from 'node:path';
import { createInterface } from 'node:readline';
import { report, SetupError } from './report.mjs';

/**
 * Runs `work` while no other process holds the lock. The kernel's lock is held by a child that lives as long as the pipe
 * to it, so it is free again however we end.
 */
export async function withLock(file, work) {
  mkdirSync(dirname(file), { recursive: true });
  const holder = spawn('flock', [file, 'sh', '-c', 'echo held; exec cat'], { stdio: ['pipe', 'pipe', 'inherit'] });
  const waiting = setTimeout(() => report('waiting for another set-up to finish'), 500);
  try {
    await new Promise((resolve, reject) => {
      createInterface({ input: holder.stdout }).once('line', resolve);
      holder.once('error', () => reject(new SetupError('the program "flock" is missing: install util-linux')));
      holder.once('close', () => reject(new SetupError(`the lock ${file} cannot be taken`)));
    });
    clearTimeout(waiting);
    return await work();
  } finally {
    clearTimeout(waiting);
    holder.stdin.end();
  }
}
