import type { ShellWord } from './shell/words.js';

/** How the words of a launcher are told from those of the command that it starts. */
interface Launcher {
  /** Options whose value is a word of its own; all others are one word. */
  withValue: ReadonlySet<string>;
  /** Words before the command that are no options, as the time of `timeout`. */
  operands: number;
}

const launcher = (withValue: readonly string[], operands = 0): Launcher => ({
  withValue: new Set(withValue),
  operands,
});

const SUDO = [
  ...['-u', '--user', '-g', '--group', '-h', '--host', '-p', '--prompt', '-C', '--close-from', '-D', '--chdir'],
  ...['-R', '--chroot', '-r', '--role', '-t', '--type', '-T', '--command-timeout', '-U', '--other-user'],
];

const NUMACTL = [
  ...['-N', '--cpunodebind', '-m', '--membind', '-C', '--physcpubind', '-i', '--interleave', '-p', '--preferred'],
  ...['-w', '--weighted-interleave', '-P', '--preferred-many'],
];

/** Programs that start the command behind their own options. */
export const launchers: ReadonlyMap<string, Launcher> = new Map([
  ['sudo', launcher(SUDO)],
  ['nohup', launcher([])],
  ['setsid', launcher([])],
  ['exec', launcher(['-a'])],
  ['command', launcher([])],
  ['time', launcher(['-f', '--format', '-o', '--output'])],
  ['env', launcher(['-u', '--unset', '-C', '--chdir'])],
  ['stdbuf', launcher(['-i', '--input', '-o', '--output', '-e', '--error'])],
  ['nice', launcher(['-n', '--adjustment'])],
  ['ionice', launcher(['-c', '--class', '-n', '--classdata'])],
  // The CPUs are a mask or, behind `-c`, a list: a word of their own in both.
  ['taskset', launcher([], 1)],
  ['timeout', launcher(['-k', '--kill-after', '-s', '--signal'], 1)],
  ['numactl', launcher(NUMACTL)],
]);

/** What a launcher starts; nothing where it starts nothing. */
export function afterLauncher(words: readonly ShellWord[], { withValue, operands }: Launcher): readonly ShellWord[] {
  let index = 0;
  let missing = operands;
  while (index < words.length) {
    const text = words[index]?.text ?? '';
    if (text.startsWith('-')) index += withValue.has(text) ? 2 : 1;
    else if (/^\w+=/.test(text)) index += 1;
    else if (missing > 0) {
      missing -= 1;
      index += 1;
    } else break;
  }
  return words.slice(index);
}

export const mpiLaunchers: ReadonlySet<string> = new Set(['mpirun', 'mpiexec', 'orterun', 'srun']);

const RANKS = new Set(['-n', '-np', '--np', '-c', '--ntasks']);

/** Options that take no value, without their dashes: Open MPI takes long ones with one dash, too. */
const MPI_SWITCHES = new Set([
  ...['allow-run-as-root', 'oversubscribe', 'nooversubscribe', 'nolocal', 'pernode', 'bynode', 'byslot', 'bycore'],
  ...['tag-output', 'timestamp-output', 'merge-stderr-to-stdout', 'use-hwthread-cpus', 'enable-recovery'],
  ...['display-map', 'display-devel-map', 'display-allocation', 'display-topo', 'report-bindings', 'show-progress'],
  ...['bind-to-core', 'bind-to-socket', 'bind-to-none', 'leave-session-attached', 'debug-daemons'],
  ...['genvall', 'envall', 'prepend-rank', 'exclusive', 'overlap', 'overcommit', 'label', 'unbuffered', 'no-kill'],
  ...['pty', 'container-writable', 'container-mount-home', 'no-container-mount-home'],
  ...['q', 'quiet', 'v', 'verbose', 'd', 'l', 'u', 'K', 'O'],
]);
const MPI_PAIRS = new Set(['mca', 'gmca', 'genv', 'env']);

/** How many words an option of mpirun is, with its value. One that is not known has a value, if an option is not next. */
function mpiOptionLength(option: string, next: string): number {
  const name = option.replace(/^-+/, '');
  if (MPI_PAIRS.has(name)) return 3;
  return MPI_SWITCHES.has(name) || option.includes('=') || next.startsWith('-') ? 1 : 2;
}

export function afterMpi(words: readonly ShellWord[]): { rest: readonly ShellWord[]; ranks: number | null } {
  let ranks: number | null = null;
  let index = 0;
  while (index < words.length) {
    const text = words[index]?.text ?? '';
    const next = words[index + 1]?.text ?? '';
    if (!text.startsWith('-')) break;
    if (RANKS.has(text)) ranks = /^\d{1,4}$/.test(next) ? Number(next) : null;
    index += mpiOptionLength(text, next);
  }
  // `mpirun -n 1 a : -n 1 b` starts more than its first number says.
  return { rest: words.slice(index), ranks: words.some(({ text }) => text === ':') ? null : ranks };
}
