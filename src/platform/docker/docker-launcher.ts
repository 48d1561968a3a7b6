import { createHash } from 'node:crypto';
import { EnginesmithFailure } from '../../contracts/failures.js';
import { uuidOf } from '../gpus/device.js';
import type { JobOutcome } from '../process/job-runner.js';
import { pickVariables, programAndArguments, SYSTEM_PATH, toolchainVariables } from '../tool-environment.js';
import type { ToolLauncher, ToolRequest } from '../tool-launcher.js';
import type { DockerRunner, ToolchainDescription } from '../toolchain-installation.js';
import { containerProcesses, JOB_LABEL, listContainers, removeContainerArgv } from './containers.js';
import type { DockerClient } from './docker-client.js';
import { dockerRunArgv } from './docker-run.js';
import type { DockerImage } from './image.js';

export interface DockerLauncherOptions {
  docker: DockerClient;
  image: DockerImage;
  runner: DockerRunner;
  toolchain: Pick<ToolchainDescription, 'environment'>;
  /** ENGINESMITH_HOME and the host's name: containers of others are left alone. */
  home: string;
  host: string;
  workerEnvironment: NodeJS.ProcessEnv;
}

/** What tools in a container see of the worker's environment; its other places are not inside. */
const SEEN = ['LANG', 'LC_ALL', 'TZ', 'SSL_CERT_FILE'] as const;

/** Seen too, but their values may hold a password: docker takes them from its own environment, not from argv. */
const PROXIES = ['HTTPS_PROXY', 'NO_PROXY'] as const;

/** What the docker client itself reads: where its daemon is, and its own configuration. */
const CLIENT = [
  ...['HOME', 'XDG_RUNTIME_DIR'],
  ...['DOCKER_HOST', 'DOCKER_CONTEXT', 'DOCKER_CONFIG', 'DOCKER_CERT_PATH', 'DOCKER_TLS_VERIFY', 'DOCKER_API_VERSION'],
] as const;

/**
 * Keeps a service's container until the last process that has its output has ended: launch_triton_server.py returns at once,
 * and a container ends with its first process. A SIGTERM is for the server; these two wait for it to finish.
 */
const KEEP_SERVICE = 'set -o pipefail; trap : TERM; "$@" 2>&1 | (trap "" TERM; exec cat)';

/** Docker's own exit codes: it could not run the container, or not start the program in it, or not find it. */
const NOT_RUN = { docker: 125, notExecutable: 126, notFound: 127 } as const;

/** Runs a toolchain's programs in containers of its image, one a job, named by the job. */
export function createDockerLauncher(options: DockerLauncherOptions): ToolLauncher {
  const { docker, image, runner, toolchain, home, host, workerEnvironment } = options;
  const owner = { 'enginesmith.home': home, 'enginesmith.host': host };
  const prefix = createHash('sha256').update(`${home}\n${host}`).digest('hex').slice(0, 12);
  const nameOf = (jobId: string): string => `enginesmith-${prefix}-${jobId}`;
  const seen = pickVariables(workerEnvironment, SEEN);
  const proxies = pickVariables(workerEnvironment, PROXIES);
  const client = { PATH: SYSTEM_PATH, ...pickVariables(workerEnvironment, CLIENT), ...proxies };

  return {
    launch({ jobId, argv, kind, gpus = [], variables = {}, workingDirectory, inputs = [], reaches = 'nothing' }) {
      const network = networkFor(reaches, { ...proxies, ...variables });
      const command = dockerRunArgv({
        docker: docker.program,
        image: image.reference,
        name: nameOf(jobId),
        labels: { ...owner, [JOB_LABEL]: jobId },
        argv: kind === 'service' ? ['bash', '-c', KEEP_SERVICE, 'bash', ...programAndArguments(argv)] : argv,
        gpus,
        runtime: runner.runtime,
        network,
        user: { uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0 },
        mounts: {
          readOnly: [...new Set([...inputs, ...(seen.SSL_CERT_FILE === undefined ? [] : [seen.SSL_CERT_FILE])])],
          readWrite: [workingDirectory],
        },
        workingDirectory,
        variables: {
          ...seen,
          // The image knows no such user: its home would be /, and what asks for its name would fail.
          HOME: workingDirectory,
          LOGNAME: 'enginesmith',
          ...toolchainVariables(toolchain.environment, image.environment),
          ...variables,
        },
        handedOn: Object.keys(proxies),
      });
      return {
        jobId,
        argv: command,
        kind,
        workingDirectory,
        gpus: gpus.map(uuidOf),
        environment: client,
        endCommand: removeContainerArgv(docker.program, nameOf(jobId)),
      };
    },

    async explainFailure(_, outcome) {
      const failure = notRun(outcome, image.reference);
      if (failure !== undefined) throw failure;
    },

    processesOf: (jobId) => containerProcesses(docker, nameOf(jobId)),

    async sweep(isRunning) {
      const swept: string[] = [];
      // Listed first: a container that a job starts from now on is not in the list, whatever its job was before.
      for (const { id, jobId } of await listContainers(docker, owner)) {
        if (jobId !== '' && (await isRunning(jobId))) continue;
        const [, ...removal] = removeContainerArgv(docker.program, id);
        await docker.run(...removal);
        swept.push(jobId);
      }
      return swept;
    },
  };
}

/**
 * Ports are the host's, so that they can be found free and shown to be the server's own. The Hub is asked from a network of
 * docker's; only one on this host's loopback, as a mirror or a proxy may be, makes a tool share the host's network.
 */
function networkFor(
  reaches: NonNullable<ToolRequest['reaches']>,
  { HF_ENDPOINT, HTTPS_PROXY }: Record<string, string>,
): 'host' | 'bridge' | 'none' {
  if (reaches === 'nothing') return 'none';
  return reaches === 'clients' || [HF_ENDPOINT, HTTPS_PROXY].some(isLoopback) ? 'host' : 'bridge';
}

const isLoopback = (url = ''): boolean =>
  URL.canParse(url) && /^(localhost|127(\.\d+){3}|\[::1\])$/.test(new URL(url).hostname);

/** Docker prints what kept it from running a container on a line of its own; a tool's exit code alone may be anything. */
function notRun({ exitCode, logTail }: JobOutcome, image: string): EnginesmithFailure | undefined {
  const said = logTail.split('\n').findLast((line) => line.startsWith('docker: '));
  if (said === undefined) return undefined;
  if (exitCode === NOT_RUN.docker) {
    return new EnginesmithFailure('PrerequisiteMissing', `Docker did not run the container. ${said}`, {
      retryable: true,
      context: { image },
    });
  }
  if (exitCode !== NOT_RUN.notExecutable && exitCode !== NOT_RUN.notFound) return undefined;
  return new EnginesmithFailure(
    'ToolMissing',
    `The image ${image} has no such program. ${said}\nBuild the toolchain's image with infra/docker/build.sh.`,
    { context: { image } },
  );
}
