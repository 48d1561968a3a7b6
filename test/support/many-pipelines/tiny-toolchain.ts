import { createHash } from 'node:crypto';
import { chmod, mkdir, readFile, realpath, symlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';
import { toolPaths } from '../../../src/toolchains/releases.js';
import { toolchainPython } from '../product.js';

const program = fileURLToPath(new URL('./tiny_program.py', import.meta.url));

/** Long enough that two tools on one device would be seen, and no CPU is used meanwhile. */
const WORK_SECONDS = 0.1;

const DEVICE_BYTES = 8 * 1024 ** 3;

/** Of one rank, nothing is left to do but to run it: `mpirun -n 1 --allow-run-as-root PROGRAM…` */
const MPIRUN = '#!/bin/sh\nshift 3\nexec "$@"\n';

const toolRun = z.object({
  program: z.string(),
  /** What the worker calls the run's job, and its lease. */
  job: z.string(),
  /** CUDA_VISIBLE_DEVICES, apart. */
  devices: z.string().transform((value) => value.split(',').filter((device) => device !== '')),
  /** By the host's monotonic clock, which all processes share. */
  startedNanoseconds: z.number(),
  endedNanoseconds: z.number(),
});
export type ToolRun = z.infer<typeof toolRun>;

export interface TinyToolchain {
  root: string;
  /** Every run of a program that has ended. */
  runs(): Promise<ToolRun[]>;
}

/** A toolchain whose programs do next to nothing, on two virtual devices: what is left to be seen is the service itself. */
export async function createTinyToolchain(directory: string): Promise<TinyToolchain> {
  const root = join(directory, 'toolchain');
  const log = join(directory, 'tools.log');
  const text = await readFile(program, 'utf8');
  const write = async (path: string, content: string): Promise<void> => {
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, content);
    await chmod(path, 0o755);
  };
  const { convertLlama, quantize, summarize, compareEngines } = toolPaths;
  const scripts = [convertLlama, quantize, summarize, compareEngines].map((path) => path.replace('{toolchain}', root));
  await Promise.all([...scripts, join(root, 'bin/trtllm-build')].map((path) => write(path, text)));
  await write(join(root, 'bin/mpirun'), MPIRUN);
  // Without the environment of packages around it, which takes as long to open as all the rest.
  await symlink(await realpath(toolchainPython), join(root, 'bin/python3'));
  await writeFile(log, '');
  await writeFile(join(root, 'tiny-toolchain.json'), JSON.stringify({ log, workSeconds: WORK_SECONDS }));
  const description = {
    name: 'reference-cpu',
    release: 'v0.10.0',
    identity: createHash('sha256').update(text).digest('hex'),
    environment: { PATH: [join(root, 'bin')], ENGINESMITH_TOOLCHAIN_ROOT: root },
    devices: [0, 1].map((index) => ({ index, class: 'cpu', memoryBytes: DEVICE_BYTES })),
  };
  await writeFile(join(root, 'toolchain.json'), JSON.stringify(description));
  return {
    root,
    async runs() {
      const lines = (await readFile(log, 'utf8')).split('\n').filter((line) => line !== '');
      return lines.map((line) => toolRun.parse(JSON.parse(line)));
    },
  };
}
