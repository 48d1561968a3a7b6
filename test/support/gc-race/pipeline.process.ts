import { createHash, randomUUID } from 'node:crypto';
import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Digest } from '../../../src/contracts/artifacts.js';
import { EnginesmithFailure } from '../../../src/contracts/failures.js';
import { createArtifactStore, type Staging } from '../../../src/platform/store/artifact-store.js';
import { createClaims } from '../../../src/platform/store/claims.js';
import { newStagingName } from '../../../src/platform/store/staging-owner.js';

/**
 * Pipelines, some at a time, as workers run them: locate, claim, make, commit, record a root, and have a tool read all
 * inputs. Specs are few, so that pipelines share artifacts, and those of a spec that nobody runs become garbage. Prints a
 * line of JSON a pipeline; ends with code 1 and the reason when an artifact that it needs is not there, or is not right.
 * Arguments: home, how many specs there are, how many pipelines run at once.
 */
const [home = '', specs = '4', atOnce = '1'] = process.argv.slice(2);
const store = createArtifactStore({
  directory: join(home, 'store'),
  cacheDirectory: join(home, 'cache'),
  hashThreads: 1,
});
const claims = createClaims({ directory: join(home, 'claims') });
const counts = { hits: 0, made: 0, lostToCollector: 0 };

const contentOf = (key: string, file: number): string => `${key} ${file}\n`.repeat(50);
const keyOf = (...parts: string[]): string => createHash('sha256').update(parts.join('\0')).digest('hex');
const stillRunning = (runId: string): string => join(home, 'running', runId);

/** What a tool does with its input, for a while: any file that is not there, or not right, is a failure of the store. */
async function use(digest: Digest, key: string): Promise<void> {
  const directory = await store.materialize({ digest });
  for (let read = 0; read < 3; read += 1) {
    for (const file of [0, 1, 2]) {
      const text = await readFile(join(directory, `${file}.bin`), 'utf8');
      if (text !== contentOf(key, file)) throw new Error(`${digest}: ${file}.bin is not what was committed`);
    }
    await sleep(Math.random() * 10);
  }
}

async function locate(runId: string, key: string): Promise<Digest | undefined> {
  const found = await store.lookup(key);
  if (found === undefined) return undefined;
  if (await store.recordRoot({ runId, key, digest: found.digest, workflowId: runId })) return found.digest;
  counts.lostToCollector += 1;
  return undefined;
}

async function make(runId: string, key: string): Promise<Digest> {
  for (;;) {
    const located = await locate(runId, key);
    if (located !== undefined) {
      counts.hits += 1;
      return located;
    }
    const claim = await claims.claim({ key, owner: runId, ttlMs: 20_000 });
    if ('heldBy' in claim) {
      await sleep(5);
      continue;
    }
    let staging: Staging | undefined;
    try {
      const meanwhile = await locate(runId, key);
      if (meanwhile !== undefined) return meanwhile;
      staging = await store.stage('engine');
      for (const file of [0, 1, 2]) await writeFile(join(staging.directory, `${file}.bin`), contentOf(key, file));
      const now = new Date().toISOString();
      const record = { attemptId: randomUUID(), step: 'make', argv: [], environment: {}, startedAt: now, endedAt: now };
      const { reference } = await staging.commit({
        key,
        assertClaim: claim.assertHeld,
        record: { ...record, host: 'race', toolchain: null },
      });
      if (await store.recordRoot({ runId, key, digest: reference.digest, workflowId: runId })) {
        counts.made += 1;
        await claim.retire();
        return reference.digest;
      }
      counts.lostToCollector += 1;
    } catch (failure) {
      // Frozen for longer than its claim holds, or the artifact's place is being cleared: tried again, as an activity is.
      if (!(failure instanceof EnginesmithFailure) || failure.type !== 'ClaimHeld') throw failure;
    } finally {
      await staging?.discard();
      await claim.release();
    }
  }
}

async function runPipeline(): Promise<void> {
  const runId = newStagingName();
  await writeFile(stillRunning(runId), '');
  const spec = `spec ${Math.floor(Math.random() * Number(specs))}`;
  const needs: { key: string; digest: Digest }[] = [];
  for (const step of ['model', 'checkpoint', 'engine', 'evaluation']) {
    const key = keyOf(spec, step, needs.at(-1)?.digest ?? '');
    for (const need of needs) await use(need.digest, need.key);
    needs.push({ key, digest: await make(runId, key) });
  }
  for (const need of needs) await use(need.digest, need.key);
  await rm(stillRunning(runId));
}

process.stdout.write('ready\n');
const pipelines = async (): Promise<never> => {
  for (;;) {
    await runPipeline();
    process.stdout.write(`${JSON.stringify(counts)}\n`);
  }
};
try {
  await Promise.all(Array.from({ length: Number(atOnce) }, pipelines));
} catch (failure) {
  process.stdout.write(`${JSON.stringify({ violation: failure instanceof Error ? failure.stack : `${failure}` })}\n`);
  process.exit(1);
}
