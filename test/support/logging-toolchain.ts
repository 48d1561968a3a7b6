import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { chmod, copyFile, mkdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';
import { toolPaths } from '../../src/toolchains/releases.js';
import { installation } from './product.js';

const wrapper = fileURLToPath(new URL('./logged_program.py', import.meta.url));

const lineSchema = z.object({
  program: z.string(),
  pid: z.number(),
  /** Set at the start. */
  argv: z.array(z.string()).optional(),
  /** Set when a gate holds it. */
  held: z.string().optional(),
  /** Set at the end. */
  exit: z.number().optional(),
});

interface ToolRun {
  program: string;
  pid: number;
  argv: string[];
  held: boolean;
  /** Undefined: it runs, or was killed. */
  exit: number | undefined;
}

export interface LoggingToolchain {
  root: string;
  /** Whether a program of this name is there. */
  has(program: string): boolean;
  /** Every start of a program, in order. */
  runs(): Promise<ToolRun[]>;
  /** Holds each run of a program from now on, before it works or when its output is there. @returns lets them go */
  hold(program: string, moment: 'before' | 'after'): Promise<() => Promise<void>>;
}

/** Where the programs lie in a root: those that a path names, and the one that is found on the PATH. */
const programs = [
  ...Object.values(toolPaths)
    .filter((path) => path.endsWith('.py'))
    .map((path) => path.replace('{toolchain}/', '')),
  'usr/local/bin/trtllm-build',
];

/** The installed toolchain with a logging stand-in before each of its programs, under an identity of its own. */
export async function createLoggingToolchain(directory: string): Promise<LoggingToolchain> {
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
  await writeFile(join(root, 'stand-in.json'), JSON.stringify({ root: real, gates, log }));

  const description = JSON.parse(await readFile(join(real, 'toolchain.json'), 'utf8'));
  const identity = createHash('sha256').update(`stand-in ${description.identity}`).digest('hex');
  const environment = {
    ...description.environment,
    PATH: description.environment.PATH.map((path: string) => path.replace(real, root)),
    ENGINESMITH_TOOLCHAIN_ROOT: root,
  };
  await writeFile(join(root, 'toolchain.json'), JSON.stringify({ ...description, identity, environment }));

  return {
    root,
    has: (program) => present.some((path) => basename(path) === program),
    async runs() {
      const lines = (await readFile(log, 'utf8')).split('\n').filter((line) => line !== '');
      const parsed = lines.map((line) => lineSchema.parse(JSON.parse(line)));
      return parsed.flatMap(({ program, pid, argv }) => {
        if (argv === undefined) return [];
        const later = parsed.filter((line) => line.pid === pid && line.program === program);
        const exit = later.find((line) => line.exit !== undefined)?.exit;
        return [{ program, pid, argv, held: later.some((line) => line.held !== undefined), exit }];
      });
    },
    async hold(program, moment) {
      const gate = join(gates, `${program}.${moment}`);
      await writeFile(gate, '');
      return () => rm(gate, { force: true });
    },
  };
}
