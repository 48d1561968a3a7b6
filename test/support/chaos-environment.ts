import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Client, Connection } from '@temporalio/client';
import { execa } from 'execa';
import { chooseAddresses } from '../../src/cli/environment/dev-addresses.js';
import { hubAnswers, temporalAnswers, workersPoll } from '../../src/cli/environment/dev-conditions.js';
import { hubProgram, temporalProgram, workerProgram } from '../../src/cli/environment/dev-programs.js';
import { findDev } from '../../src/cli/environment/dev-record.js';
import { endJobs } from '../../src/cli/environment/end-jobs.js';
import { readConfiguration } from '../../src/platform/config.js';
import { type Places, placesOf } from '../../src/platform/places.js';
import { createHubGate, type HubGate } from './hub-gate.js';
import { createLoggingToolchain, type LoggingToolchain } from './logging-toolchain.js';
import { installation } from './product.js';
import { writeTinyRepositories } from './tiny-repositories.js';
import { until } from './until.js';

const dist = fileURLToPath(new URL('../../dist/', import.meta.url));

/** A program of the environment that a test may kill, freeze and start again. */
interface Part {
  start(): Promise<void>;
  /** SIGKILL; settles when it is gone. Twice is once. */
  kill(): Promise<void>;
  freeze(): void;
  thaw(): void;
}

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
  /** Ends the parts; what outlives them stays. */
  stop(): Promise<void>;
  /** Has `npx enginesmith dev` come up on what is there, and end. */
  startAndStopDev(): Promise<void>;
  dispose(): Promise<void>;
}

/**
 * Everything runs when it returns.
 * @param options.largeFileBytes size of one more file in the model's repository, which nobody reads
 */
export async function startChaosEnvironment({ largeFileBytes = 0 } = {}): Promise<ChaosEnvironment> {
  const directory = await mkdtemp(join(tmpdir(), 'enginesmith-chaos-'));
  const home = join(directory, 'home');
  await mkdir(home);
  const [toolchain, { mirror }] = await Promise.all([
    createLoggingToolchain(directory),
    writeTinyRepositories(directory, largeFileBytes),
  ]);
  const variables = {
    ENGINESMITH_HOME: home,
    ENGINESMITH_CACHE: join(directory, 'cache'),
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

  const part = (name: string, argv: string[], environment: NodeJS.ProcessEnv, answers: () => Promise<boolean>): Part =>
    createPart({ argv, environment, answers, logFile: join(directory, `${name}.log`) });
  const temporalArgs = temporalProgram(configuration, addresses);
  const temporal = part('temporal', temporalArgs.argv, temporalArgs.environment, () =>
    temporalAnswers(temporalAddress),
  );
  const [, ...hubArgs] = hubProgram(mirror, hubPort).argv;
  const hubArgv = [process.execPath, join(dist, 'client.js'), ...hubArgs.slice(hubArgs.indexOf('hub'))];
  const hub = part('hub', hubArgv, process.env, () => hubAnswers(addresses.hubEndpoint));
  const workerPart = (name: string, roles: string): Part => {
    const { environment } = workerProgram(configuration, { ...addresses, hubEndpoint: hubGate.url });
    const own = {
      ENGINESMITH_ROLES: roles,
      ENGINESMITH_TOOLCHAIN_ROOT: toolchain.root,
      ENGINESMITH_METRICS_ADDRESS: '',
    };
    return part(name, [process.execPath, join(dist, 'worker.js')], { ...environment, ...own }, async () => true);
  };
  const orchestrator = workerPart('orchestrator', 'orchestrator');
  const worker = workerPart('worker', 'cpu,gpu,serve');

  await Promise.all([temporal.start(), hub.start()]);
  const connection = await Connection.connect({ address: temporalAddress });
  await Promise.all([orchestrator.start(), worker.start()]);
  await until('polling workers', async () => (await workersPoll(temporalAddress, 'chaos')) || undefined);
  const stop = async (): Promise<void> => {
    await Promise.all([worker.kill(), orchestrator.kill()]);
    await Promise.all([temporal.kill(), hub.kill(), connection.close(), hubGate.close()]);
  };
  const places = placesOf(configuration);
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
    stop,
    async startAndStopDev() {
      const enginesmith = (...args: string[]) =>
        execa(process.execPath, [join(dist, 'client.js'), ...args], { env: variables, timeout: 120_000 });
      const dev = enginesmith('dev');
      const ready = until('a ready dev', async () => (await findDev(home))?.phase === 'ready' || undefined);
      await Promise.race([ready, dev.then(() => Promise.reject(new Error('dev has ended')))]);
      await enginesmith('dev', '--stop');
      await dev;
    },
    dispose: async () => {
      await stop();
      await endJobs(places.jobs);
      await rm(directory, { recursive: true, force: true });
    },
  };
}

function createPart(options: {
  argv: string[];
  environment: NodeJS.ProcessEnv;
  answers: () => Promise<boolean>;
  logFile: string;
}): Part {
  let child: ChildProcess | undefined;
  return {
    async start() {
      const [program = '', ...args] = options.argv;
      const log = openSync(options.logFile, 'a');
      child = spawn(program, args, { env: options.environment, detached: true, stdio: ['ignore', log, log] });
      closeSync(log);
      await until(`answer of ${program}`, async () => (await options.answers()) || undefined);
    },
    async kill() {
      const dying = child;
      child = undefined;
      if (dying === undefined || dying.exitCode !== null || dying.signalCode !== null) return;
      const gone = new Promise((resolve) => dying.once('exit', resolve));
      dying.kill('SIGKILL');
      await gone;
    },
    freeze: () => void child?.kill('SIGSTOP'),
    thaw: () => void child?.kill('SIGCONT'),
  };
}
