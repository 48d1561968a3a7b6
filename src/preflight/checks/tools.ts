import { access } from 'node:fs/promises';
import { execa } from 'execa';
import { findProgram } from '../../platform/process/find-program.js';
import { toolEnvironment } from '../../platform/tool-environment.js';
import { substitute } from '../../toolchains/command.js';
import { imagePaths } from '../../toolchains/images.js';
import { findRelease } from '../../toolchains/releases.js';
import { type Check, type Finding, fail, ok } from '../check.js';

/** Programs on the toolchain's PATH, and what makes each say that it starts. */
const PROGRAMS = [
  { program: 'python3', argument: '--version' },
  { program: 'mpirun', argument: '--version' },
  { program: 'trtllm-build', argument: '--help' },
] as const;

/** Importing TensorRT-LLM from a cold disk. */
const TIMEOUT_MS = 120_000;

/** What only the toolchain for Qwen-VL needs, or only the CPU reference lacks, is not missed. */
const OPTIONAL = /qwenvl|\/qwen\/|benchmarks\//;

/** Whether a host's programs are there and answer; an image is asked by the check of docker. */
export const tools: Check = {
  name: 'tools',
  beforeTools: false,
  async run({ toolchain, environment }) {
    if (toolchain.runner.kind === 'docker') return [];
    const { release } = findRelease(toolchain.name);
    const remedy = `Install the whole toolchain ${release} below ENGINESMITH_TOOLCHAIN_ROOT (docs/gpu-host.md); its toolchain.json may add to PATH.`;
    const env = toolEnvironment(toolchain, environment, {});
    const paths = substitute(
      imagePaths.filter((path) => !OPTIONAL.test(path)),
      { toolchain: toolchain.root },
    );
    const missing: string[] = [];
    for (const path of paths) await access(path).catch(() => missing.push(path));
    const answers = await Promise.all(
      PROGRAMS.map(async ({ program, argument }): Promise<Finding> => {
        const found = await findProgram(program, { environment: env, workingDirectory: '/' });
        if (found === undefined) return fail(`${program} is not on the toolchain's PATH`, remedy);
        const { exitCode, stdout, stderr, timedOut } = await execa(found, [argument], {
          env,
          extendEnv: false,
          stdin: 'ignore',
          reject: false,
          timeout: TIMEOUT_MS,
          forceKillAfterDelay: 1_000,
        });
        const [said = ''] = `${stdout}\n${stderr}`.trim().split('\n');
        if (exitCode === 0)
          return ok(argument === '--version' ? `${program}: ${said.slice(0, 60)}` : `${program} starts`);
        return fail(
          `${program} ${argument} ${timedOut ? 'does not answer' : `exits with ${exitCode}`}: ${said.slice(0, 200)}`,
          remedy,
        );
      }),
    );
    return [...answers, ...(missing.length === 0 ? [] : [fail(`missing: ${missing.join(', ')}`, remedy)])];
  },
};
