import { rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { attestationFile, parseAttestation } from '../../../src/platform/provenance/attestation.js';
import { createChainVerifier } from '../../../src/platform/provenance/verify-chain.js';
import { openStore } from '../store/store-fixture.js';
import { keyPair, makeChain, makeWithStatement, statementFiles, statementText } from './provenance-fixture.js';

const { signing, trusted } = keyPair();

async function openChain() {
  const { store, directory } = await openStore();
  const made = await makeChain(store, signing);
  const verify = (digest = made.engine.digest) =>
    createChainVerifier(store, [keyPair().trusted, trusted]).verify(digest);
  const rewrite = async (digest: string, change: (text: string) => string) => {
    const text = change(await statementText(directory, digest));
    const [file = ''] = await statementFiles(directory, digest);
    await rm(file);
    await writeFile(file, text);
  };
  return { store, directory, ...made, verify, rewrite };
}

const refusal = (digest: string, why: string) => ({
  type: 'ProvenanceRefused',
  message: expect.stringContaining(why),
  context: { digest, why: expect.stringContaining(why) },
});

test('an engine whose every maker a trusted key signed is accepted, down to its model', async () => {
  const { checkpoint, verify } = await openChain();
  const [made] = await verify();
  expect(made?.buildDefinition.resolvedDependencies).toMatchObject([
    { name: 'checkpoint', digest: { sha256: checkpoint.digest } },
  ]);
});

test('a statement that was changed after it was signed is refused, with the artifact that it is about', async () => {
  const { checkpoint, rewrite, verify } = await openChain();
  await rewrite(checkpoint.digest, (text) => {
    const envelope = JSON.parse(text);
    const payload = Buffer.from(envelope.payload, 'base64').toString().replace('trtllm-build', 'something-else');
    return JSON.stringify({ ...envelope, payload: Buffer.from(payload).toString('base64') });
  });
  await expect(verify()).rejects.toMatchObject(refusal(checkpoint.digest, 'no trusted key has signed'));
});

test('another key than the trusted ones vouches for nothing', async () => {
  const { store } = await openStore();
  const { engine } = await makeChain(store, keyPair().signing);
  await expect(createChainVerifier(store, [trusted]).verify(engine.digest)).rejects.toMatchObject({
    type: 'ProvenanceRefused',
  });
});

test('a statement that nobody signed is refused', async () => {
  const { store } = await openStore();
  const model = await makeWithStatement(store, { kind: 'model', key: null });
  const engine = await makeWithStatement(store, { kind: 'engine', inputs: { model: model.digest }, key: signing });
  const verifying = createChainVerifier(store, [trusted]).verify(engine.digest);
  await expect(verifying).rejects.toMatchObject(refusal(model.digest, 'is not signed'));
});

test('a link that is missing is named', async () => {
  const { checkpoint, directory, verify } = await openChain();
  for (const file of await statementFiles(directory, checkpoint.digest)) await rm(file);
  await expect(verify()).rejects.toMatchObject(refusal(checkpoint.digest, 'nothing states how it was made'));
});

test('a signed statement does not vouch for another artifact that it is laid beside', async () => {
  const { store, directory, engine, model, verify } = await openChain();
  const forged = await makeWithStatement(store, { kind: 'engine', files: { 'config.json': 'forged' }, key: null });
  const [file = ''] = await statementFiles(directory, forged.digest);
  await rm(file);
  await writeFile(file, await statementText(directory, engine.digest));
  await expect(verify(forged.digest)).rejects.toMatchObject(refusal(forged.digest, 'nothing states'));
  await expect(verify(model.digest)).resolves.toHaveLength(1);
});

test('a signed statement that names other files than the artifact has is refused', async () => {
  const { store, directory, model, verify } = await openChain();
  const [file = ''] = await statementFiles(directory, model.digest);
  const stated = parseAttestation({ name: 'made', text: await statementText(directory, model.digest) }, model.digest);
  if (stated === undefined) throw new Error('no statement');
  const [artifact = {}] = stated.statement.subject;
  const subject = [artifact, { name: 'files/config.json', digest: { sha256: 'f'.repeat(64) } }];
  await rm(file);
  await store.attest(model.digest, attestationFile('made', { ...stated.statement, subject }, signing));
  await expect(verify()).rejects.toMatchObject(refusal(model.digest, 'about another files/config.json'));
});

test('one trusted attempt of several suffices, whatever the others are', async () => {
  const { store, engine, checkpoint, verify } = await openChain();
  const inputs = { checkpoint: checkpoint.digest };
  await makeWithStatement(store, { kind: 'engine', inputs, key: null, attempt: 'attempt-0' });
  await makeWithStatement(store, { kind: 'engine', inputs, key: keyPair().signing, attempt: 'attempt-2' });
  expect(await store.attestations(engine.digest)).toHaveLength(3);
  await expect(verify()).resolves.toHaveLength(1);
});

test('an input that was collected as garbage is still traced by its statement', async () => {
  const { directory, model, verify } = await openChain();
  const artifact = join(directory, 'artifacts', model.digest.slice(0, 2), model.digest);
  await rename(artifact, `${artifact}-gone`);
  await expect(verify()).resolves.toHaveLength(1);
});

test('a text that is no statement is passed over', async () => {
  const { store, engine, verify } = await openChain();
  await store.attest(engine.digest, { name: 'garbage', text: '{"payloadType":"application/vnd.in-toto+json"' });
  await expect(verify()).resolves.toHaveLength(1);
});
