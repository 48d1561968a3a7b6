import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { chmod, copyFile, mkdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';
import { toolPaths } from '../../src/toolchains/releases.js';
import { installation } from './product.js';

const support = fileURLToPath(new URL('.', import.meta.url));
const wrapper = join(support, 'logged_program.py');

const lineSchema = z.object({
  program: z.string(),
  pid: z.number(),
  /** Seconds since 1970. */
  time: z.number(),
  /** Set at the start. */
  argv: z.array(z.string()).optional(),
  /** Set at the start: CUDA_VISIBLE_DEVICES. */
  devices: z.string().optional(),
  /** Set at the start: which one of several that mpirun runs. */
  rank: z.string().optional(),
  /** Set when it does something wrong, with the processes that it has left in sessions of their own. */
  sabotage: z.string().optional(),
  pids: z.array(z.number()).optional(),
  /** Set when a gate holds it. */
  held: z.string().optional(),
  /** Set at the end. */
  exit: z.number().optional(),
});

interface ToolRun {
  program: string;
  pid: number;
  argv: string[];
  devices: string[];
  /** Empty where mpirun has not started it. */
  rank: string;
  startedAtMs: number;
  /** Undefined as long as it runs, and when it was killed. */
  endedAtMs: number | undefined;
  held: boolean;
  /** Undefined: it runs, or was killed. */
  exit: number | undefined;
}

/** What a program can be told to do wrong. */
export type Sabotage = 'hang' | 'deaf' | 'flood' | 'garbage' | 'silent' | 'grandchildren';

interface SabotagedRun {
  program: string;
  pid: number;
  atMs: number;
  /** Processes that it started in sessions of their own. */
  escaped: number[];
}

export interface LoggingToolchain {
  root: string;
  /** Whether a program of this name is there. */
  has(program: string): boolean;
  /** Every start of a program, in order. */
  runs(): Promise<ToolRun[]>;
  /** Holds each run of a program from now on, before it works or when its output is there. @returns lets them go */
  hold(program: string, moment: 'before' | 'after'): Promise<() => Promise<void>>;
  /** Has the next run of a program do something wrong; the ones after it do not. */
  sabotage(program: string, kind: Sabotage): Promise<void>;
  sabotaged(): Promise<SabotagedRun[]>;
}

/** Where the programs lie in a root: those that a path names, and the one that is found on the PATH. */
const programs = [
  ...Object.values(toolPaths)
    .filter((path) => path.endsWith('.py'))
    .map((path) => path.replace('{toolchain}/', '')),
  'usr/local/bin/trtllm-build',
];

/** The installed toolchain with a logging stand-in before each of its programs, under an identity of its own. */
export async function createLoggingToolchain(
  directory: string,
  { devices }: { devices?: number | undefined } = {},
): Promise<LoggingToolchain> {
  const real = installation.toolchainRoot;
  const root = join(directory, 'toolchain');
  const gates = join(directory, 'gates');
  const log = join(directory, 'tools.log');
  await mkdir(gates, { recursive: true });
  await writeFile(log, '');
  const present = programs.filter((path) => existsSync(join(real, path)));
  for (const path of present) {
    await mkdir(dirname(join(root, path)), { recursive: true });
    await copyFile(wrapper, join(root, path));
    await chmod(join(root, path), 0o755);
  }
  for (const path of ['opt/ensemble_models', 'opt/tritonserver']) await symlink(join(real, path), join(root, path));
  await writeFile(join(root, 'stand-in.json'), JSON.stringify({ root: real, gates, log, support }));

  const description = JSON.parse(await readFile(join(real, 'toolchain.json'), 'utf8'));
  description.devices = description.devices.slice(0, devices);
  const identity = createHash('sha256').update(`stand-in ${description.identity}`).digest('hex');
  const environment = {
    ...description.environment,
    PATH: description.environment.PATH.map((path: string) => path.replace(real, root)),
    ENGINESMITH_TOOLCHAIN_ROOT: root,
  };
  await writeFile(join(root, 'toolchain.json'), JSON.stringify({ ...description, identity, environment }));

  const lines = async () =>
    (await readFile(log, 'utf8'))
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => lineSchema.parse(JSON.parse(line)));

  return {
    root,
    has: (program) => present.some((path) => basename(path) === program),
    async runs() {
      const all = await lines();
      return all.flatMap(({ program, pid, argv, devices = '', rank = '', time }) => {
        if (argv === undefined) return [];
        const later = all.filter((line) => line.pid === pid && line.program === program);
        const end = later.find((line) => line.exit !== undefined);
        return [
          {
            ...{ program, pid, argv, rank, exit: end?.exit },
            devices: devices.split(',').filter((device) => device !== ''),
            startedAtMs: time * 1000,
            endedAtMs: end && end.time * 1000,
            held: later.some((line) => line.held !== undefined),
          },
        ];
      });
    },
    async hold(program, moment) {
      const gate = join(gates, `${program}.${moment}`);
      await writeFile(gate, '');
      return () => rm(gate, { force: true });
    },
    sabotage: (program, kind) => writeFile(join(gates, `${program}.sabotage`), kind),
    async sabotaged() {
      return (await lines()).flatMap(({ program, pid, time, sabotage, pids = [] }) =>
        sabotage === undefined ? [] : [{ program, pid, atMs: time * 1000, escaped: pids }],
      );
    },
  };
}
