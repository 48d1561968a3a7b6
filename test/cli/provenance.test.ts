import { chmod, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { readSigningKey } from '../../src/platform/provenance/keys.js';
import { createArtifactStore } from '../../src/platform/store/artifact-store.js';
import { makeChain, makeWithStatement } from '../platform/provenance/provenance-fixture.js';
import { enginesmith, temporaryDirectory } from './cli-fixture.js';

/** A home with an engine, its checkpoint and its model, signed with a key that the program made. */
async function openHome() {
  const home = await temporaryDirectory();
  const keyFile = join(home, 'signing.pem');
  const { exitCode, stdout } = await enginesmith(['keys', 'generate', keyFile, '--json']);
  expect(exitCode).toBe(0);
  const store = createArtifactStore({ directory: join(home, 'store'), cacheDirectory: join(home, 'cache') });
  try {
    const key = await readSigningKey(keyFile);
    const made = await makeChain(store, key);
    const unsigned = await makeWithStatement(store, {
      kind: 'engine',
      files: { e: 'unsigned' },
      inputs: { checkpoint: made.checkpoint.digest },
      key: null,
    });
    const { publicFile, keyId } = JSON.parse(stdout);
    const run = (...args: string[]) => enginesmith(['artifacts', 'provenance', ...args], { ENGINESMITH_HOME: home });
    return { home, publicFile, keyId, run, unsigned, ...made };
  } finally {
    await store.close();
  }
}

test('`artifacts provenance` shows how an engine was made, down to its model, and checks it', async () => {
  const { home, publicFile, keyId, run, engine, checkpoint, model, unsigned } = await openHome();
  const shown = await run(engine.digest);
  expect(shown.exitCode, shown.stderr).toBe(0);
  const at = '2026-01-01T00:00:00.000Z';
  const key = `signed with key ${keyId.slice(0, 12)}`;
  expect(shown.stdout.split('\n')).toEqual([
    `engine ${engine.digest.slice(0, 12)}`,
    `  engine on builder, ${at}, 1 s, ${key}`,
    '  $ trtllm-build --output_dir /somewhere',
    `└─ checkpoint ${checkpoint.digest.slice(0, 12)}`,
    `     checkpoint on builder, ${at}, 1 s, ${key}`,
    '     $ trtllm-build --output_dir /somewhere',
    `   └─ model ${model.digest.slice(0, 12)}`,
    `        model on builder, ${at}, 1 s, ${key}`,
    '        $ trtllm-build --output_dir /somewhere',
  ]);

  const verified = await run('--json', '--verify', '--trusted-key', publicFile, engine.digest);
  expect(verified.exitCode, verified.stderr).toBe(0);
  expect(JSON.parse(verified.stdout)).toMatchObject({
    digest: engine.digest,
    verified: true,
    artifacts: [
      {
        digest: engine.digest,
        kind: 'engine',
        inputs: [{ role: 'checkpoint', digest: checkpoint.digest }],
        statements: [{ keyIds: [keyId], statement: { predicateType: 'https://slsa.dev/provenance/v1' } }],
      },
      { digest: checkpoint.digest },
      { digest: model.digest },
    ],
  });

  const refused = await run(unsigned.digest, '--json', '--verify', '--trusted-key', publicFile);
  expect(refused.exitCode).toBe(4);
  expect(JSON.parse(refused.stdout)).toMatchObject({
    error: { type: 'ProvenanceRefused', context: { digest: unsigned.digest } },
  });

  // A file that has changed since, with the size and the time that it had.
  const file = join(home, 'store/artifacts', engine.digest.slice(0, 2), engine.digest, 'files/config.json');
  await chmod(file, 0o644);
  await writeFile(file, 'enginE');
  const changed = await run(engine.digest, '--json', '--verify', '--trusted-key', publicFile);
  expect(changed.exitCode).toBe(4);
  expect(JSON.parse(changed.stdout)).toMatchObject({
    error: { type: 'ArtifactCorrupt', context: { file: 'config.json' } },
  });
});

test('`artifacts provenance` says what it needs', async () => {
  const digest = 'a'.repeat(64);
  const unknown = await enginesmith(['artifacts', 'provenance', digest]);
  expect(unknown.exitCode).toBe(2);
  expect(unknown.stderr).toContain('Nothing is known here of an artifact aaaaaaaaaaaa');
  const keyless = await enginesmith(['artifacts', 'provenance', digest, '--verify']);
  expect(keyless.exitCode).toBe(2);
  expect(keyless.stderr).toContain('--verify needs a key');
});
