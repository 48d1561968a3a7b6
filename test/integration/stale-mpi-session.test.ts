import { readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import { expect, test } from 'vitest';
import { z } from 'zod';
import { mpiSessionIn, toolEnvironment } from '../../src/platform/tool-environment.js';
import { installation } from '../support/product.js';

const toolchain = z
  .object({ environment: z.record(z.string(), z.union([z.string(), z.array(z.string())])) })
  .parse(JSON.parse(readFileSync(join(installation.toolchainRoot, 'toolchain.json'), 'utf8')));

/** What a killed mpirun leaves, under the pid that mpirun then gets: the shell becomes it. */
const script = `
  mkdir -p "$TMPDIR/ompi.$$/0/0" && touch "$TMPDIR/ompi.$$/pmix.$(echo ${hostname()} | cut -d. -f1).tool"
  exec mpirun --allow-run-as-root -n 1 echo alive
`;

/** An earlier mpirun that was killed left its session in the temporary directory, and every later one with its pid failed. */
test('mpirun starts beside the session of a killed one that had its pid', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'enginesmith-mpi-'));
  try {
    const run = (variables: Record<string, string>) =>
      execa('sh', ['-c', script], {
        env: toolEnvironment(toolchain, { ...process.env, TMPDIR: directory }, variables),
        extendEnv: false,
        reject: false,
      });
    expect((await run({})).stderr).toContain("The PMIx server's listener thread failed to start");
    expect(await run(mpiSessionIn(join(directory, 'job')))).toMatchObject({ exitCode: 0, stdout: 'alive' });
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
});
