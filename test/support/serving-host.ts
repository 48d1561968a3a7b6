import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { execa } from 'execa';
import { z } from 'zod';
import type { ArtifactKind, ArtifactReference } from '../../src/contracts/artifacts.js';
import type { RevisionDescription } from '../../src/contracts/deployment.js';
import { SERVING_PARAMETERS_FILE } from '../../src/contracts/serving-parameters.js';
import { type Places, placesOf } from '../../src/platform/places.js';
import { createArtifactStore } from '../../src/platform/store/artifact-store.js';
import { storeLayout } from '../../src/platform/store/layout.js';
import { findRelease } from '../../src/toolchains/releases.js';
import { ENSEMBLE_TEMPLATE, templateValues } from '../../src/toolchains/serving-templates.js';
import { revision } from './deployments.js';
import { processesNaming } from './processes.js';
import { lastJsonLine, toolchainPython } from './product.js';
import { testSpec } from './specs.js';
import { tinyLimits } from './tiny-triton.js';

const toolchainFile = z.object({ name: z.string(), release: z.string(), identity: z.string() }).loose();

/** What tiny_triton.py made. */
const madeSchema = z.object({ toolchain: z.string(), model: z.string(), engine: z.string() });

/** Of this host: one revision that serves, its candidate, and one of another deployment; or one revision of three ranks. */
export const DEVICES = 3;

const HOST = 'serving-host';

/** A serving host with real Tritons over a tiny Llama, and a worker of its own that may be killed. */
export interface ServingHost {
  places: Places;
  /** A revision of the tiny engine that differs from every other one. */
  describe(change?: Partial<RevisionDescription>): Promise<RevisionDescription>;
  /** Puts an artifact of text files into the host's store. */
  put(kind: ArtifactKind, files: Record<string, string>): Promise<ArtifactReference>;
  /** Takes an artifact out of the store, as a collection of garbage would. */
  remove(digest: string): Promise<void>;
  startWorker(): void;
  /** SIGKILL; settles when it is gone. */
  killWorker(): Promise<void>;
  /** SIGKILLs the tritonserver of a revision. */
  killTriton(name: string, number: number): void;
  /** Ends everything, what outlived its worker too. */
  dispose(): Promise<void>;
}

/**
 * @param temporalAddress of the server whose serving queue its worker polls
 * @param options.ranks of the tiny engine, tensor parallel
 */
export async function prepareServingHost(temporalAddress: string, { ranks = 1 } = {}): Promise<ServingHost> {
  const home = await mkdtemp(join(tmpdir(), 'enginesmith-serving-'));
  const making = ['test/support/tiny_triton.py', join(home, 'tiny'), `${ranks}`];
  const { stdout } = await execa(toolchainPython, making, { timeout: 120_000 });
  const { toolchain: toolchainRoot, ...made } = lastJsonLine(stdout, madeSchema);
  const toolchain = toolchainFile.parse(JSON.parse(await readFile(join(toolchainRoot, 'toolchain.json'), 'utf8')));
  const devices = Array.from({ length: DEVICES }, (_, index) => ({ index, class: 'cpu', memoryBytes: 2 ** 33 }));
  await writeFile(join(toolchainRoot, 'toolchain.json'), JSON.stringify({ ...toolchain, devices }));

  const cache = join(home, 'cache');
  const places = placesOf({ home, cache, host: HOST });
  const store = createArtifactStore({ directory: places.store, cacheDirectory: cache, hashThreads: 1 });
  let artifacts = 0;
  const commit = async (kind: ArtifactKind, fill: (directory: string) => Promise<void>): Promise<ArtifactReference> => {
    const staging = await store.stage(kind);
    await fill(staging.directory);
    const at = new Date(0).toISOString();
    const record = { attemptId: 'a', step: kind, argv: [], environment: {}, startedAt: at, endedAt: at };
    const key = `${++artifacts}`.padStart(64, '0');
    return (await staging.commit({ key, record: { ...record, host: HOST, toolchain: null } })).reference;
  };
  const put: ServingHost['put'] = (kind, files) =>
    commit(kind, async (directory) => {
      for (const [name, text] of Object.entries(files)) await writeFile(join(directory, name), text);
    });
  const copy = (kind: ArtifactKind, from: string): Promise<ArtifactReference> =>
    commit(kind, (directory) => cp(from, directory, { recursive: true }));
  const model = await copy('model', made.model);
  const engine = await copy('engine', made.engine);

  let worker: ChildProcess | undefined;
  const killWorker = async (): Promise<void> => {
    const dying = worker;
    worker = undefined;
    if (dying === undefined || dying.exitCode !== null) return;
    const gone = once(dying, 'exit');
    dying.kill('SIGKILL');
    await gone;
  };

  return {
    places,
    put,
    async describe(change = {}) {
      const spec = testSpec((input) => {
        input.build = { ...input.build, maxBatchSize: 4 };
        input.serving = { maxQueueDelayMicroseconds: 100 + artifacts };
      });
      const parameters = {
        schema: 'enginesmith/serving-parameters/v1',
        template: ENSEMBLE_TEMPLATE,
        worldSize: ranks,
        values: templateValues(spec, { maxBatchSize: 4, ...tinyLimits }, findRelease(spec.toolchain)),
      };
      const { servedGate: _, ...ungated } = revision;
      return {
        ...ungated,
        servingParameters: await put('serving-parameters', { [SERVING_PARAMETERS_FILE]: JSON.stringify(parameters) }),
        engine,
        model,
        toolchain: { name: toolchain.name, release: toolchain.release, identity: toolchain.identity },
        worldSize: ranks,
        host: HOST,
        smoke: { ...spec.smoke, maxTokens: 128, concurrentStreams: 2, cancelWithinSeconds: 10 },
        ...change,
      };
    },
    remove: (digest) => rm(storeLayout(places.store).artifact(digest), { recursive: true }),
    startWorker() {
      const loader = pathToFileURL(createRequire(import.meta.url).resolve('tsx')).href;
      const program = fileURLToPath(new URL('../../src/worker.ts', import.meta.url));
      worker = spawn(process.execPath, ['--import', loader, program], {
        env: {
          ...process.env,
          TEMPORAL_ADDRESS: temporalAddress,
          ENGINESMITH_HOME: home,
          ENGINESMITH_CACHE: cache,
          ENGINESMITH_HOST: HOST,
          ENGINESMITH_ROLES: 'serve',
          ENGINESMITH_TOOLCHAIN_ROOT: toolchainRoot,
          ENGINESMITH_LOG_LEVEL: 'error',
        },
        stdio: ['ignore', 'inherit', 'inherit'],
      });
    },
    killWorker,
    killTriton(name, number) {
      const servers = processesNaming(join(places.deployments, name, `${number}`, 'repository')).filter(({ command }) =>
        /tritonserver --/.test(command),
      );
      if (servers.length === 0) throw new Error(`revision ${number} of ${name} has no tritonserver`);
      for (const { pid } of servers) process.kill(pid, 'SIGKILL');
    },
    async dispose() {
      await killWorker();
      await store.close();
      for (const { pid } of processesNaming(home)) process.kill(pid, 'SIGKILL');
      await rm(home, { recursive: true, force: true, maxRetries: 5 });
    },
  };
}
