import { mkdir, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Client, Connection } from '@temporalio/client';
import { execa } from 'execa';
import { chooseAddresses } from '../../src/cli/environment/dev-addresses.js';
import { hubAnswers, temporalAnswers } from '../../src/cli/environment/dev-conditions.js';
import { hubProgram, temporalProgram, workerProgram } from '../../src/cli/environment/dev-programs.js';
import { findDev } from '../../src/cli/environment/dev-record.js';
import { endJobs } from '../../src/cli/environment/end-jobs.js';
import { CPU_TASK_QUEUE, gpuTaskQueue, serveTaskQueue, WORKFLOW_TASK_QUEUE } from '../../src/contracts/task-queues.js';
import { readConfiguration } from '../../src/platform/config.js';
import { type Places, placesOf } from '../../src/platform/places.js';
import { createHubGate, type HubGate } from './hub-gate.js';
import { createLoggingToolchain, type LoggingToolchain } from './logging-toolchain.js';
import { createPart, type Part } from './part.js';
import { installation } from './product.js';
import { mountSmallDisk, type SmallDisk } from './small-disk.js';
import { writeTinyRepositories } from './tiny-repositories.js';
import { until } from './until.js';

const dist = fileURLToPath(new URL('../../dist/', import.meta.url));

/** The embedded environment in single parts: what `dev` starts, but for what it does when they die. */
export interface ChaosEnvironment {
  home: string;
  places: Places;
  /** For `npx enginesmith` on the same home. */
  variables: Record<string, string>;
  client: Client;
  temporalAddress: string;
  toolchain: LoggingToolchain;
  hubGate: HubGate;
  temporal: Part;
  hub: Part;
  /** Runs workflows. */
  orchestrator: Part;
  /** Runs activities. */
  worker: Part;
  /** The parts above, and workers that were added. */
  parts: ReadonlyMap<string, Part>;
  /** One more worker; it is not started yet. */
  addWorker(name: string, options: AddedWorker): Part;
  /** Where home lies, when it has a small disk of its own. */
  disk: SmallDisk | undefined;
  /** A path as this process reaches it, which has no small disk in its place. */
  view(path: string): string;
  /** What a part has written. */
  logOf(part: string): Promise<string>;
  /** Ends the parts; what outlives them stays. */
  stop(): Promise<void>;
  /** Has `npx enginesmith dev` come up on what is there, and end. */
  startAndStopDev(): Promise<void>;
  dispose(): Promise<void>;
}

interface AddedWorker {
  /** As `ENGINESMITH_ROLES`. */
  roles: string;
  /** @default the environment's */
  host?: string;
  /** Of a host that shares no file with the others. @default the environment's */
  home?: string;
}

export interface ChaosOptions {
  /** Of the worker that runs activities. @default 'cpu,gpu,serve' */
  roles?: string;
  /** Size of one more file in the model's repository, which nobody reads. @default 0, no such file */
  largeFileBytes?: number;
  /** Size of a disk of its own for home and cache, as the worker and its tools see it. @default none */
  diskMebibytes?: number;
  /** Virtual devices of the toolchain. @default as many as it has */
  devices?: number;
  /** More variables for the worker, which may name files in the environment's directory. */
  workerVariables?: (directory: string) => Record<string, string>;
}

/** `temporal.api.enums.v1.TaskQueueType`. */
const WORKFLOW_QUEUE = 1;
const ACTIVITY_QUEUE = 2;

/** A queue that a worker of these roles polls. */
function queueOf({ roles, host }: { roles: string; host: string }): string {
  const queues: Record<string, string> = {
    orchestrator: WORKFLOW_TASK_QUEUE,
    cpu: CPU_TASK_QUEUE,
    gpu: gpuTaskQueue('cpu', 1),
    serve: serveTaskQueue(host),
  };
  return queues[roles.split(',')[0] ?? ''] ?? '';
}

/** Whether a worker takes work by now: one that is still starting is no second worker yet. Its identity is `<host>_<pid>_…`. */
async function polls(
  { workflowService }: Connection,
  { pid, roles, host }: { pid: number; roles: string; host: string },
): Promise<boolean> {
  const taskQueueType = roles === 'orchestrator' ? WORKFLOW_QUEUE : ACTIVITY_QUEUE;
  const request = { namespace: 'default', taskQueue: { name: queueOf({ roles, host }) }, taskQueueType };
  const { pollers } = await workflowService.describeTaskQueue(request);
  return pollers.some(({ identity }) => identity?.includes(`_${pid}_`));
}

/** A system that lets nobody mount has no small disks. */
export class NoSmallDisk extends Error {}

/**
 * Everything runs when it returns.
 * @throws NoSmallDisk
 */
export async function startChaosEnvironment(options: ChaosOptions = {}): Promise<ChaosEnvironment> {
  const { roles: workerRoles = 'cpu,gpu,serve', largeFileBytes = 0, diskMebibytes, devices, workerVariables } = options;
  const directory = await mkdtemp(join(tmpdir(), 'enginesmith-chaos-'));
  const home = join(directory, 'home');
  const temporary = join(directory, 'tmp');
  await Promise.all([mkdir(home), mkdir(temporary)]);
  const disk = diskMebibytes === undefined ? undefined : await mountSmallDisk(home, { mebibytes: diskMebibytes });
  if (diskMebibytes !== undefined && disk === undefined) {
    await rm(directory, { recursive: true });
    throw new NoSmallDisk('this system lets nobody mount a tmpfs in a namespace of their own');
  }
  const view = disk?.view ?? ((path: string) => path);
  const [toolchain, { mirror }] = await Promise.all([
    createLoggingToolchain(directory, { devices }),
    writeTinyRepositories(directory, largeFileBytes),
  ]);
  const variables = {
    ENGINESMITH_HOME: home,
    ENGINESMITH_CACHE: join(disk === undefined ? directory : home, 'cache'),
    ENGINESMITH_HOST: 'chaos',
    ENGINESMITH_TOOLCHAIN_ROOT: toolchain.root,
    ENGINESMITH_HUB_MIRROR: mirror,
    TEMPORAL_CLI_PATH: installation.temporalServer,
  };
  const configuration = readConfiguration(variables);
  const addresses = await chooseAddresses(configuration, {});
  const { hubPort, temporalAddress } = addresses;
  if (hubPort === null) throw new Error('the mirror has no port');
  const hubGate = await createHubGate(hubPort);

  const parts = new Map<string, Part>();
  let stopped = false;
  const logFile = (name: string): string => join(directory, `${name}.log`);
  const part = (
    name: string,
    argv: string[],
    environment: NodeJS.ProcessEnv,
    answers: (pid: number) => Promise<boolean>,
  ): Part => {
    const made = createPart({ name, argv, environment, answers, logFile: logFile(name), mayStart: () => !stopped });
    parts.set(name, made);
    return made;
  };
  const temporalArgs = temporalProgram(configuration, addresses);
  const temporal = part('temporal', temporalArgs.argv, temporalArgs.environment, () =>
    temporalAnswers(temporalAddress),
  );
  const [, ...hubArgs] = hubProgram(mirror, hubPort).argv;
  const hubArgv = [process.execPath, join(dist, 'client.js'), ...hubArgs.slice(hubArgs.indexOf('hub'))];
  const hub = part('hub', hubArgv, process.env, () => hubAnswers(addresses.hubEndpoint));
  /** Nobody could end what came up where the rest does not. */
  const comeUp = async (...starting: Part[]): Promise<void> => {
    try {
      await Promise.all(starting.map((each) => each.start()));
    } catch (failure) {
      stopped = true;
      await Promise.all([...parts.values()].map((each) => each.kill()));
      disk?.close();
      await rm(directory, { recursive: true, force: true });
      throw failure;
    }
  };
  await comeUp(temporal, hub);
  const connection = await Connection.connect({ address: temporalAddress });

  const places = placesOf(configuration);
  const jobsDirectories = new Set<string>();
  const addWorker: ChaosEnvironment['addWorker'] = (name, { roles, host = 'chaos', home: ownHome }) => {
    const ofOwnHome = ownHome && { ENGINESMITH_HOME: ownHome, ENGINESMITH_CACHE: join(ownHome, 'cache') };
    const { jobs } = placesOf({ ...configuration, host, home: ownHome ?? home });
    jobsDirectories.add(ownHome === undefined ? view(jobs) : jobs);
    const { environment } = workerProgram(configuration, { ...addresses, hubEndpoint: hubGate.url });
    const own = {
      ENGINESMITH_ROLES: roles,
      ENGINESMITH_HOST: host,
      ENGINESMITH_TOOLCHAIN_ROOT: toolchain.root,
      ENGINESMITH_METRICS_ADDRESS: '',
      TMPDIR: temporary,
      ...ofOwnHome,
      ...(roles === 'orchestrator' ? {} : workerVariables?.(directory)),
    };
    const argv = [...(disk?.argvPrefix ?? []), process.execPath, join(dist, 'worker.js')];
    return part(name, argv, { ...environment, ...own }, (pid) => polls(connection, { pid, roles, host }));
  };
  const orchestrator = addWorker('orchestrator', { roles: 'orchestrator' });
  const worker = addWorker('worker', { roles: workerRoles });

  await comeUp(orchestrator, worker);
  const stop = async (): Promise<void> => {
    stopped = true;
    const servers = [temporal, hub];
    await Promise.all([...parts.values()].filter((each) => !servers.includes(each)).map((each) => each.kill()));
    await Promise.all([temporal.kill(), hub.kill(), connection.close(), hubGate.close()]);
  };
  const enginesmith = (...args: string[]) =>
    execa(process.execPath, [join(dist, 'client.js'), ...args], { env: variables, timeout: 120_000 });
  return {
    home,
    places,
    variables,
    client: new Client({ connection }),
    temporalAddress,
    toolchain,
    hubGate,
    temporal,
    hub,
    orchestrator,
    worker,
    parts,
    addWorker,
    disk,
    view,
    logOf: (name) => readFile(logFile(name), 'utf8'),
    stop,
    async startAndStopDev() {
      const dev = enginesmith('dev');
      const ready = until('a ready dev', async () => (await findDev(home))?.phase === 'ready' || undefined);
      await Promise.race([ready, dev.then(() => Promise.reject(new Error('dev has ended')))]);
      await enginesmith('dev', '--stop');
      await dev;
    },
    dispose: async () => {
      await stop();
      for (const jobs of jobsDirectories) await endJobs(jobs);
      disk?.close();
      await rm(directory, { recursive: true, force: true });
    },
  };
}
