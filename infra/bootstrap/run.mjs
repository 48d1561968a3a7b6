import { spawn } from 'node:child_process';
import { constants } from 'node:os';
import { report, SetupError } from './report.mjs';

/** Lines of a failed command's output that its error repeats. */
const TAIL_LINES = 15;

/**
 * Runs a command to its end, its lines as progress.
 * @returns what it wrote to stdout
 * @throws SetupError with the end of its output when it fails
 */
export function run(command, args, { label, quiet = false, timeoutMs = 1_200_000, ...options } = {}) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'], timeout: timeoutMs, ...options });
    let stdout = '';
    const tail = [];
    const collect = (stream, keep) => {
      let rest = '';
      stream.setEncoding('utf8').on('data', (text) => {
        if (keep) stdout += text;
        const lines = (rest + text).split('\n');
        rest = lines.pop();
        for (const line of lines) {
          tail.push(line);
          if (tail.length > TAIL_LINES) tail.shift();
          if (!quiet && line.trim() !== '') report(`  ${label ?? command}: ${line}`);
        }
      });
    };
    collect(child.stdout, true);
    collect(child.stderr, false);
    child.on('error', (cause) => reject(new SetupError(`${command} cannot be started: ${cause.message}`)));
    child.on('close', (code, signal) => {
      if (code === 0) return resolve(stdout);
      const how = code === null ? `ended by ${signal}` : `failed with exit code ${code}`;
      reject(new SetupError(`${command} ${args.slice(0, 4).join(' ')} ${how}:\n${tail.join('\n')}`));
    });
  });
}

/** Hands the terminal over to a program and ends as it ended. */
export function become(command, args, { env = process.env, cwd = process.cwd() } = {}) {
  const child = spawn(command, args, { stdio: 'inherit', env, cwd });
  // A terminal sends its Ctrl-C to both of us; the program decides what it means.
  const forward = (signal) => signal !== 'SIGINT' && child.kill(signal);
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'];
  for (const signal of signals) process.on(signal, forward);
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code, signal) => {
      for (const name of signals) process.off(name, forward);
      process.exitCode = code ?? 128 + constants.signals[signal];
      resolve();
    });
  });
}
