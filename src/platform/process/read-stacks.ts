import { readFileSync } from 'node:fs';
import { execa } from 'execa';
import { findProgram } from './find-program.js';

/** Of a tool with hundreds of processes, its first ones say what it waits for. */
const MAXIMUM_PROCESSES = 64;
const MAXIMUM_CHARACTERS = 32 * 1024;
const PY_SPY_TIMEOUT_MS = 15_000;

/**
 * What the processes of a tool are doing just now, for somebody who asks later why it hung: command line, state, the kernel
 * function that each waits in, its kernel stack where this process may see it, and the Python stacks where py-spy is on PATH.
 * @param environment whose PATH is searched
 */
export async function readStacks(
  pids: readonly number[],
  environment: Readonly<Record<string, string | undefined>>,
): Promise<string> {
  const pySpy = await findProgram('py-spy', { environment, workingDirectory: '/' });
  const shown = pids.slice(0, MAXIMUM_PROCESSES);
  const stacks = await Promise.all(shown.map((pid) => stackOf(pid, pySpy)));
  const head = `${pids.length} processes${shown.length < pids.length ? `, the first ${shown.length} are shown` : ''}, ${new Date().toISOString()}`;
  const python = pySpy === undefined ? 'py-spy is not on PATH: no Python stacks (pip install py-spy)' : '';
  return [head, python, ...stacks].filter(Boolean).join('\n\n');
}

async function stackOf(pid: number, pySpy: string | undefined): Promise<string> {
  const command = read(pid, 'cmdline').replaceAll('\0', ' ').trim();
  const status = read(pid, 'status')
    .split('\n')
    .filter((line) => /^(Name|State|PPid|Threads|VmRSS|NSsid):/.test(line))
    .join('\n');
  const parts = [
    `== ${pid}: ${command}`,
    status,
    `waits in: ${read(pid, 'wchan') || 'unknown'}`,
    read(pid, 'stack').trim(),
  ];
  if (pySpy !== undefined && /python/.test(command)) parts.push(await pythonStack(pySpy, pid));
  return parts.filter(Boolean).join('\n').slice(0, MAXIMUM_CHARACTERS);
}

async function pythonStack(pySpy: string, pid: number): Promise<string> {
  const { exitCode, stdout, stderr } = await execa(pySpy, ['dump', '--pid', `${pid}`], {
    reject: false,
    timeout: PY_SPY_TIMEOUT_MS,
    stdin: 'ignore',
  });
  return exitCode === 0 ? stdout : `py-spy: ${stderr.trim().slice(0, 500) || 'no answer'}`;
}

/** A process may end while it is looked at, and its kernel stack is root's to see. */
function read(pid: number, file: string): string {
  try {
    return readFileSync(`/proc/${pid}/${file}`, 'utf8');
  } catch {
    return '';
  }
}
