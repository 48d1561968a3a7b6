import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Connection } from '@temporalio/client';
import { execa } from 'execa';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { workersPoll } from '../../src/cli/environment/dev-conditions.js';
import { type DevRecord, findDev, readDevRecord } from '../../src/cli/environment/dev-record.js';
import { EVIDENCE_FILE, EVIDENCE_PAGE } from '../../src/contracts/gate.js';
import { renderEvidencePage } from '../../src/gate/evidence-page/evidence-page.js';
import { isAlive } from '../../src/platform/process/process-identity.js';
import { createArtifactStore } from '../../src/platform/store/artifact-store.js';
import { record as attempt, keyOf } from '../platform/store/store-fixture.js';
import { exampleEvidence } from '../support/gate-evidence.js';
import { installation } from '../support/product.js';

const checkout = fileURLToPath(new URL('../..', import.meta.url));
const host = 'dev-test';
let home: string;
/** What `dev` has told its user so far. */
let terminal = '';

/** With what `npm run setup` installed, in a home of its own. */
const enginesmith = (...args: string[]) =>
  execa('node', ['--import', 'tsx', 'src/client.ts', ...args], {
    cwd: checkout,
    reject: false,
    env: {
      ENGINESMITH_HOME: home,
      ENGINESMITH_HOST: host,
      ENGINESMITH_TOOLCHAIN_ROOT: installation.toolchainRoot,
      ENGINESMITH_HUB_MIRROR: installation.hubMirror,
      TEMPORAL_CLI_PATH: installation.temporalServer,
      TEMPORAL_ADDRESS: '',
    },
  });

async function startDev(): Promise<DevRecord> {
  const dev = enginesmith('dev');
  dev.stderr?.on('data', (chunk) => {
    terminal += chunk;
  });
  dev.catch(() => {});
  return vi.waitFor(
    async () => {
      const record = await findDev(home);
      if (record?.phase !== 'ready') throw new Error('not ready');
      return record;
    },
    { timeout: 100_000, interval: 200 },
  );
}

const childOf = ({ children }: DevRecord, name: string) => {
  const child = children.find((candidate) => candidate.name === name);
  if (child === undefined) throw new Error(`no child ${name}`);
  return child.process;
};

beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), 'enginesmith-dev-'));
});

afterAll(async () => {
  await enginesmith('dev', '--stop');
  await rm(home, { recursive: true, force: true });
});

it('comes up with a worker that polls and pages that can be read, refuses a second one for its home, and is found by other commands', async () => {
  const record = await startDev();
  expect(await workersPoll(record.temporalAddress, host)).toBe(true);

  const { digest, evidence } = await commitEvidence();
  const shown = await enginesmith('evidence', digest, '--json');
  const { url } = JSON.parse(shown.stdout);
  expect(url).toBe(`${record.evidenceUrl}/evidence/${digest}`);
  expect(await (await fetch(url)).text()).toBe(renderEvidencePage(evidence));
  expect(await (await fetch(`${record.evidenceUrl}/`)).text()).toContain(`href="/evidence/${digest}"`);

  const second = await enginesmith('dev');
  expect(second.exitCode).toBe(4);
  expect(second.stderr.replace(/\s+/g, ' ')).toContain(
    `An embedded environment runs for ${home} already (pid ${record.process.pid}`,
  );

  const listed = await enginesmith('deployments', '--json');
  expect({ exitCode: listed.exitCode, stdout: listed.stdout }).toEqual({ exitCode: 0, stdout: '{"deployments":[]}' });

  const unknown = await enginesmith('status', 'nobody');
  expect({ exitCode: unknown.exitCode, stdout: unknown.stdout }).toEqual({ exitCode: 2, stdout: '' });
  expect(unknown.stderr).toContain('There is no workflow "nobody"');
});

it('keeps the histories of what has ended for as long as it is asked for', async () => {
  const { temporalAddress: address } = await startedDev();
  const connection = await Connection.connect({ address });
  const { config } = await connection.workflowService.describeNamespace({ namespace: 'default' });
  await connection.close();
  expect(Number(config?.workflowExecutionRetentionTtl?.seconds)).toBe(90 * 24 * 60 * 60);
});

it('starts a killed worker again', async () => {
  const before = childOf(await startedDev(), 'worker');
  process.kill(before.pid, 'SIGKILL');
  await vi.waitFor(
    async () => {
      const after = childOf(await startedDev(), 'worker');
      expect(after).not.toEqual(before);
      expect(isAlive(after)).toBe(true);
      // The dead one stands among the pollers for a while: that the new one is there, it says itself.
      expect((await workerLog()).split('worker ready').length - 1).toBeGreaterThanOrEqual(2);
    },
    { timeout: 90_000, interval: 200 },
  );
});

it('starts a killed Temporal server again where it was, says so, and its worker goes on', async () => {
  const before = await startedDev();
  process.kill(childOf(before, 'temporal').pid, 'SIGKILL');
  await vi.waitFor(
    async () => {
      const after = await startedDev();
      expect(childOf(after, 'temporal')).not.toEqual(childOf(before, 'temporal'));
      expect(await workersPoll(before.temporalAddress, host)).toBe(true);
    },
    { timeout: 40_000, interval: 200 },
  );
  expect(terminal).toContain('temporal was ended by SIGKILL; starting it again in 1 s');
  expect(childOf(await startedDev(), 'worker')).toEqual(childOf(before, 'worker'));
});

it('ends, when it starts again, what a killed one left, and leaves nothing when it is stopped', async () => {
  const killed = await startedDev();
  process.kill(killed.process.pid, 'SIGKILL');
  await vi.waitFor(() => expect(isAlive(killed.process)).toBe(false), { timeout: 5_000 });
  expect(isAlive(childOf(killed, 'temporal'))).toBe(true);

  const record = await startDev();
  for (const child of killed.children) expect(isAlive(child.process)).toBe(false);

  const { exitCode, stdout } = await enginesmith('dev', '--stop', '--json');
  expect({ exitCode, stdout }).toEqual({ exitCode: 0, stdout: '{"stopped":true}' });
  for (const child of record.children) expect(isAlive(child.process)).toBe(false);
  expect(await readDevRecord(home)).toBeUndefined();
});

it('is stopped also when only what a killed one left is there', async () => {
  const killed = await startDev();
  process.kill(killed.process.pid, 'SIGKILL');
  await vi.waitFor(() => expect(isAlive(killed.process)).toBe(false), { timeout: 5_000 });

  const { exitCode, stdout } = await enginesmith('dev', '--stop', '--json');
  expect({ exitCode, stdout }).toEqual({ exitCode: 0, stdout: '{"stopped":true}' });
  for (const child of killed.children) expect(isAlive(child.process)).toBe(false);
});

it('ends everything also when it can no longer write down what runs', async () => {
  const { process: dev, children } = await startDev();
  // A directory in place of its record refuses every new one, as a full disk does.
  await rm(join(home, 'dev.json'));
  await mkdir(join(home, 'dev.json/full'), { recursive: true });
  process.kill(dev.pid, 'SIGTERM');
  await vi.waitFor(() => expect(isAlive(dev)).toBe(false), { timeout: 90_000 });
  for (const child of children) expect(isAlive(child.process), child.name).toBe(false);
  expect(terminal).toContain('could not be recorded');
  await rm(join(home, 'dev.json'), { recursive: true });
});

const workerLog = (): Promise<string> => readFile(join(home, 'logs/worker.log'), 'utf8');

/** What a gate leaves in the store of this home. */
async function commitEvidence() {
  const evidence = exampleEvidence();
  const store = createArtifactStore({ directory: join(home, 'store'), cacheDirectory: join(home, 'cache') });
  const staging = await store.stage('gate-evidence');
  await writeFile(join(staging.directory, EVIDENCE_FILE), JSON.stringify(evidence));
  await writeFile(join(staging.directory, EVIDENCE_PAGE), renderEvidencePage(evidence));
  const { reference } = await staging.commit({ key: keyOf('gate'), record: attempt });
  await store.close();
  return { evidence, digest: reference.digest };
}

async function startedDev(): Promise<DevRecord> {
  const record = await findDev(home);
  if (record === undefined) throw new Error('dev does not run');
  return record;
}
