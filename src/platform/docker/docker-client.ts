import { execa } from 'execa';
import { EnginesmithFailure } from '../../contracts/failures.js';
import { findProgram } from '../process/find-program.js';

/** The docker program of this host, for everything but the tools themselves. */
export interface DockerClient {
  /** Absolute. */
  readonly program: string;
  /**
   * Runs `docker …`.
   * @returns its stdout
   * @throws DockerError when it exits with another code than 0; EnginesmithFailure `PrerequisiteMissing` when there is no
   *   daemon to talk to, or this user may not
   */
  run(...commandArguments: string[]): Promise<string>;
}

/** What docker said when it failed. */
export class DockerError extends Error {
  override readonly name = 'DockerError';
}

/** A busy daemon answers in seconds; one that hangs must not hold a worker's start for ever. */
const TIMEOUT_MS = 120_000;

/**
 * @param program a path, or a name on PATH
 * @throws EnginesmithFailure `PrerequisiteMissing` when it is not there
 */
export async function createDockerClient(program: string, environment: NodeJS.ProcessEnv): Promise<DockerClient> {
  const found = await findProgram(program, { environment, workingDirectory: process.cwd() });
  if (found === undefined) {
    throw new EnginesmithFailure(
      'PrerequisiteMissing',
      `The toolchain runs in docker, and ${program} is no program${program.includes('/') ? '' : ' on PATH'}. Install Docker ` +
        'Engine 20.10 or newer and the NVIDIA Container Toolkit, or name the client in toolchain.json: runner.program.',
    );
  }
  return {
    program: found,
    async run(...commandArguments) {
      const { exitCode, stdout, stderr, timedOut } = await execa(found, commandArguments, {
        env: environment,
        extendEnv: false,
        stdin: 'ignore',
        reject: false,
        timeout: TIMEOUT_MS,
      });
      if (exitCode === 0) return stdout;
      if (timedOut) throw daemonMissing(`no answer within ${TIMEOUT_MS / 1000} s`);
      throw (
        refusal(stderr) ?? new DockerError(stderr.trim() || `docker ${commandArguments[0]} exited with ${exitCode}`)
      );
    },
  };
}

/** What stands between this process and the daemon, in words of docker 20.10 to 29. */
function refusal(stderr: string): EnginesmithFailure | undefined {
  if (/permission denied while trying to connect to the docker/i.test(stderr)) {
    return new EnginesmithFailure(
      'PrerequisiteMissing',
      `This user may not talk to the Docker daemon: ${lastLine(stderr)}\nAdd it to the group that owns the socket ` +
        '(`usermod -aG docker USER`) and start the worker from a new login.',
    );
  }
  if (/cannot connect to the docker daemon|failed to connect to the docker api/i.test(stderr)) {
    return daemonMissing(lastLine(stderr));
  }
  return undefined;
}

const daemonMissing = (said: string): EnginesmithFailure =>
  new EnginesmithFailure(
    'PrerequisiteMissing',
    `The Docker daemon cannot be reached: ${said}\nStart it (\`systemctl start docker\`), or set DOCKER_HOST for the worker.`,
    { retryable: true },
  );

const lastLine = (text: string): string => text.trim().split('\n').at(-1) ?? '';
