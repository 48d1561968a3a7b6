import { cp, mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { execa } from 'execa';
import { z } from 'zod';
import { findFreePorts } from '../../src/platform/free-ports.js';
import { lastJsonLine, toolchainPython } from './product.js';

const prepared = z.object({
  program: z.string(),
  repository: z.string(),
  environment: z.record(z.string(), z.string()),
});

/** An idle server needs three seconds. */
const GRACE_MS = 6_000;

/** Where a server that was killed leaves what its models shared with it. */
const SHARED_MEMORY = '/dev/shm';

/** Lengths that tiny_triton.py builds its engine for. */
export const tinyLimits = { maxInputTokens: 16_384, maxOutputTokens: 16_384, maxPromptTokens: 16_384 };

export interface TinyTriton {
  /** A copy of the model repository that may be broken. */
  copyRepository(name: string): Promise<string>;
  /** Starts a tritonserver; models may still be loading when this returns. */
  start(repository: string, options?: readonly string[]): Promise<RunningTriton>;
  /** Removes the model; servers must have been stopped. */
  remove(): Promise<void>;
}

export interface RunningTriton {
  grpcUrl: string;
  metricsUrl: string;
  stillAlive(): boolean;
  stop(): Promise<void>;
}

/** A tiny Llama made by the toolchain's programs, and a real tritonserver for it. */
export async function prepareTinyTriton(): Promise<TinyTriton> {
  const directory = await mkdtemp(join(tmpdir(), 'enginesmith-tiny-triton-'));
  const made = await execa(toolchainPython, ['test/support/tiny_triton.py', directory], { timeout: 120_000 });
  const { program, repository, environment } = lastJsonLine(made.stdout, prepared);
  return {
    async copyRepository(name) {
      const copy = join(directory, name);
      await cp(repository, copy, { recursive: true });
      return copy;
    },
    async start(models, options = []) {
      const [grpc = 0, http = 0, metrics = 0] = await findFreePorts(3);
      const region = `tiny${grpc}_`;
      const server = execa(
        program,
        [
          `--model-repository=${models}`,
          `--grpc-port=${grpc}`,
          `--http-port=${http}`,
          `--metrics-port=${metrics}`,
          '--disable-auto-complete-config',
          `--backend-config=python,shm-region-prefix-name=${region}`,
          ...options,
        ],
        { env: environment, reject: false, stdio: 'ignore', detached: true },
      );
      let alive = true;
      const ended = server.then(() => {
        alive = false;
      });
      return {
        grpcUrl: `127.0.0.1:${grpc}`,
        metricsUrl: `http://127.0.0.1:${metrics}/metrics`,
        stillAlive: () => alive,
        async stop() {
          server.kill('SIGTERM');
          await Promise.race([ended, delay(GRACE_MS)]);
          // its models' processes are of its group, and one whose model does not end outlives it
          if (server.pid !== undefined) endGroup(server.pid);
          await ended;
          for (const name of await readdir(SHARED_MEMORY))
            if (name.startsWith(region)) await rm(join(SHARED_MEMORY, name), { force: true });
        },
      };
    },
    remove: () => rm(directory, { recursive: true, force: true }),
  };
}

function endGroup(leader: number): void {
  try {
    process.kill(-leader, 'SIGKILL');
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ESRCH')) throw error;
  }
}
