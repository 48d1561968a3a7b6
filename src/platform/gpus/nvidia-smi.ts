import { EnginesmithFailure } from '../../contracts/failures.js';
import { answerWithin } from '../process/answer-within.js';
import { findProgram } from '../process/find-program.js';

/** Asks the driver of this host, by its own program. */
export interface NvidiaSmi {
  /**
   * @returns what it printed
   * @throws EnginesmithFailure `PrerequisiteMissing` saying what is wrong with the driver or a GPU, and what helps
   */
  run(...commandArguments: string[]): Promise<string>;
}

/** Without persistence mode each call loads the driver anew, seconds a GPU; one that takes longer hangs in a wedged driver. */
const TIMEOUT_MS = 60_000;

const REBOOT = 'Look for "Xid" in `dmesg`; a reset (`nvidia-smi --gpu-reset`) or a reboot brings it back.';

/** Exit codes of nvidia-smi (its manual page, RETURN VALUE), with what to do. */
const EXITS: Record<number, string> = {
  2: 'This driver does not know what it is asked for: drivers from R510 on do. Update it.',
  4: 'This user may not ask the driver: let it read and write /dev/nvidia*.',
  6: 'The driver finds no such GPU. In a container, start it with the NVIDIA Container Toolkit (`--gpus all`).',
  8: 'A power cable of a GPU is not attached.',
  9: 'The NVIDIA driver is not loaded. Install it, or load it (`modprobe nvidia`); in a container, it is the host’s.',
  10: `The kernel saw an interrupt problem with a GPU. ${REBOOT}`,
  12: 'The driver’s library libnvidia-ml.so is missing or cannot be loaded. In a container, start it with the NVIDIA Container Toolkit (`--gpus all`).',
  13: 'The driver’s library is older than nvidia-smi: install both from one release.',
  14: 'The infoROM of a GPU is corrupted.',
  15: `A GPU has fallen off the bus, or cannot be reached. ${REBOOT}`,
  18: 'The kernel module and the driver’s library are of different releases, as after an update: reboot, or reload the module.',
};

/** A message that says more than its exit code. */
const MESSAGES: readonly { pattern: RegExp; remedy: string }[] = [
  { pattern: /driver\/library version mismatch/i, remedy: EXITS[18] ?? '' },
  { pattern: /GPU is lost|fallen off the bus|Unable to determine the device handle/i, remedy: EXITS[15] ?? '' },
  {
    pattern: /Failed to initialize NVML: Unknown Error/i,
    remedy:
      'The container has lost its GPUs, as when systemd reloads its units under docker: start it again, and give docker `"exec-opts": ["native.cgroupdriver=cgroupfs"]`.',
  },
  { pattern: /couldn't communicate with the NVIDIA driver/i, remedy: EXITS[9] ?? '' },
  { pattern: /No devices were found/i, remedy: EXITS[6] ?? '' },
];

/** @throws EnginesmithFailure `PrerequisiteMissing` when there is no nvidia-smi on the environment's PATH */
export async function createNvidiaSmi(environment: NodeJS.ProcessEnv): Promise<NvidiaSmi> {
  const program = await findProgram('nvidia-smi', { environment, workingDirectory: process.cwd() });
  if (program === undefined) {
    throw new EnginesmithFailure(
      'PrerequisiteMissing',
      'There is no nvidia-smi on PATH, so that this host has no NVIDIA driver. Install one, or, in a container, start it with ' +
        'the NVIDIA Container Toolkit; a worker without GPUs has ENGINESMITH_ROLES=orchestrator,cpu.',
    );
  }
  return {
    async run(...commandArguments) {
      const asked = { timeoutMs: TIMEOUT_MS, environment: { ...environment, LC_ALL: 'C' } };
      const answer = await answerWithin(program, commandArguments, asked);
      if (answer === undefined) throw nvidiaSmiFailure(null, '');
      const { exitCode, stdout, stderr } = answer;
      // No GPU at all is said on stdout, by some releases with exit code 0.
      if (exitCode === 0 && !/^No devices were found/m.test(stdout)) return stdout;
      throw nvidiaSmiFailure(exitCode ?? null, `${stderr}\n${stdout}`);
    },
  };
}

/** @param exitCode null when it was ended because it did not answer */
function nvidiaSmiFailure(exitCode: number | null, printed: string): EnginesmithFailure {
  const said = printed.trim().split('\n').at(0)?.slice(0, 300) ?? '';
  if (exitCode === null) {
    return new EnginesmithFailure(
      'PrerequisiteMissing',
      `nvidia-smi did not answer within ${TIMEOUT_MS / 1000} s: the driver hangs. ${REBOOT}`,
      { retryable: true },
    );
  }
  const remedy =
    MESSAGES.find(({ pattern }) => pattern.test(printed))?.remedy ?? EXITS[exitCode] ?? 'Run it by hand to see more.';
  return new EnginesmithFailure(
    'PrerequisiteMissing',
    `nvidia-smi exited with code ${exitCode}${said === '' ? '' : `: ${said}`}\n${remedy}`,
    { context: { exitCode } },
  );
}
