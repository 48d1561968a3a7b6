import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { attestGate } from '../../src/activities/attest-gate.js';
import { requireProvenance } from '../../src/activities/require-provenance.js';
import { statedGpus } from '../../src/activities/stated-gpus.js';
import { EVIDENCE_FILE, type GateEvidence } from '../../src/contracts/gate.js';
import { parseAttestation } from '../../src/platform/provenance/attestation.js';
import { signersOf } from '../../src/platform/provenance/dsse.js';
import { keyPair, makeChain, makeWithStatement } from '../platform/provenance/provenance-fixture.js';
import { openStore } from '../platform/store/store-fixture.js';
import { exampleEvidence, leadOf } from '../support/gate-evidence.js';
import { good, openHost } from './tool-host.js';

const { signing: signingKey, trusted } = keyPair();
const requiredKeys = [trusted];
const { keyId } = trusted;

const passed = exampleEvidence({ articles: 64, agreement: false, candidate: (article) => leadOf(article, 3) });

const unknownGpu = {
  class: 'sm90',
  pciBusId: null,
  memoryTotalBytes: null,
  memoryFreeBytes: null,
  memoryUsedBytes: null,
  utilizationPercent: null,
  isMig: false,
  persistenceMode: null,
  computeMode: null,
  uncorrectedEccErrors: null,
  problem: null,
};

/** An engine, what it serves with, and the evidence of its gate, all signed. */
async function openPromotion(decided: GateEvidence = passed) {
  const { store, directory } = await openStore();
  const key = signingKey;
  const { engine, model } = await makeChain(store, key);
  const inputs = { engine: engine.digest, model: model.digest };
  const servingParameters = await makeWithStatement(store, { kind: 'serving-parameters', inputs, key });
  const evaluation = await makeWithStatement(store, { kind: 'evaluation', inputs, key });
  const evidence = await makeWithStatement(store, {
    kind: 'gate-evidence',
    files: { [EVIDENCE_FILE]: JSON.stringify(decided) },
    inputs: { 'candidate-1': evaluation.digest, 'baseline-1': evaluation.digest },
    key,
  });
  return { store, directory, promoted: { engine, model, servingParameters, evidence }, evaluation };
}

test('an engine may be promoted whose making, and whose gate, trusted keys have signed', async () => {
  const { store, promoted } = await openPromotion();
  expect(passed.decision.verdict).toBe('PASS');
  await expect(requireProvenance({ store, requiredKeys }, promoted)).resolves.toBeUndefined();
});

test('the gate of another engine does not let one pass', async () => {
  const { store, promoted } = await openPromotion();
  const { checkpoint } = await makeChain(store, signingKey);
  const inputs = { checkpoint: checkpoint.digest };
  const other = await makeWithStatement(store, { kind: 'engine', files: { e: 'other' }, inputs, key: signingKey });
  await expect(requireProvenance({ store, requiredKeys }, { ...promoted, engine: other })).rejects.toMatchObject({
    type: 'ProvenanceRefused',
    message: expect.stringContaining(`the gate of another engine than ${other.digest.slice(0, 12)}`),
    context: { digest: promoted.evidence.digest },
  });
});

test('an engine that answers as another one did shares its evaluation, and its gate', async () => {
  const { store, promoted } = await openPromotion();
  const inputs = { model: promoted.model.digest };
  const twin = await makeWithStatement(store, { kind: 'engine', files: { e: 'twin' }, inputs, key: signingKey });
  await makeWithStatement(store, {
    kind: 'evaluation',
    inputs: { engine: twin.digest },
    key: signingKey,
    attempt: 'twin',
  });
  await expect(requireProvenance({ store, requiredKeys }, { ...promoted, engine: twin })).resolves.toBeUndefined();
});

test('a gate that did not pass lets nothing pass, whoever asks', async () => {
  const failed = exampleEvidence({ articles: 64, agreement: false, candidate: () => '' });
  const { store, promoted } = await openPromotion(failed);
  await expect(requireProvenance({ store, requiredKeys }, promoted)).rejects.toMatchObject({
    type: 'ProvenanceRefused',
    message: expect.stringContaining('its verdict is FAIL'),
  });
});

test('an artifact without a statement is refused only where provenance is required', async () => {
  const { store, directory, promoted, evaluation } = await openPromotion();
  await rm(join(directory, 'attestations', evaluation.digest.slice(0, 2), evaluation.digest), { recursive: true });
  await expect(requireProvenance({ store, requiredKeys: null }, promoted)).resolves.toBeUndefined();
  await expect(requireProvenance({ store, requiredKeys }, promoted)).rejects.toMatchObject({
    type: 'ProvenanceRefused',
    retryable: false,
    context: { digest: evaluation.digest },
  });
});

test('a gate states of its engine what it decided', async () => {
  const { store, promoted } = await openPromotion();
  const { engine, evidence } = promoted;
  await attestGate({ store, signingKey }, { engine: engine.digest, evidence: evidence.digest, decided: passed });
  const files = await store.attestations(engine.digest);
  const [gate] = files.filter(({ name }) => name.startsWith('gate-'));
  expect(gate && parseAttestation(gate, engine.digest)?.statement).toMatchObject({
    _type: 'https://in-toto.io/Statement/v1',
    predicateType: 'https://in-toto.io/attestation/test-result/v0.1',
    subject: expect.arrayContaining([expect.objectContaining({ name: 'engine', digest: { sha256: engine.digest } })]),
    predicate: {
      result: 'PASSED',
      configuration: [{ name: 'gate-evidence', digest: { sha256: evidence.digest } }],
      passedTests: expect.arrayContaining(['margin']),
      failedTests: [],
    },
  });
});

test('a GPU is stated with its name and driver, an instance with those of the GPU that it is part of', async () => {
  const gpu = { ...unknownGpu, index: 1, uuid: 'GPU-1', name: 'NVIDIA H100 80GB HBM3' };
  const inventory = async () => ({ driver: '570.86.15', gpus: [gpu], devices: [] });
  const device = { index: 1, class: 'sm90', memoryBytes: 1, uuid: 'GPU-1' };
  const instance = { ...device, uuid: 'MIG-1', mig: { parentUuid: 'GPU-1', profile: '3g.40gb' } };
  const known = { name: 'NVIDIA H100 80GB HBM3', driver: '570.86.15' };
  expect(await statedGpus({ inventory }, [device, instance])).toEqual([
    { ...device, ...known },
    { ...instance, ...known },
  ]);
  const silent = () => Promise.reject(new Error('the driver does not answer'));
  expect(await statedGpus({ inventory: silent }, [device])).toEqual([{ ...device, name: null, driver: null }]);
});

test('a step states of what, how, where and with what it made its artifact', async () => {
  const { dependencies, convert, model } = await openHost(good);
  const { configuration, store } = Object.assign(dependencies, { signingKey });
  const { artifact, key } = await convert();
  const [file] = await store.attestations(artifact.digest);
  const stated = file && parseAttestation(file, artifact.digest);
  expect(stated?.envelope && signersOf(stated.envelope, requiredKeys)).toEqual([keyId]);
  expect(stated?.statement).toMatchObject({
    predicateType: 'https://slsa.dev/provenance/v1',
    subject: [
      { name: 'checkpoint', digest: { sha256: artifact.digest } },
      { name: 'files/config.json', digest: { sha256: expect.stringMatching(/^[0-9a-f]{64}$/) } },
      { name: 'files/rank0.safetensors', digest: { sha256: expect.stringMatching(/^[0-9a-f]{64}$/) } },
    ],
    predicate: {
      buildDefinition: {
        buildType: 'urn:enginesmith:build:step:v1',
        externalParameters: { step: 'convert', inputs: { model: model.digest }, gpuArchitecture: null },
        internalParameters: { actionKey: key, stepId: 'baseline-checkpoint' },
        resolvedDependencies: [{ name: 'model', digest: { sha256: model.digest } }, { name: 'toolchain' }],
      },
      runDetails: {
        builder: { id: `urn:enginesmith:host:${configuration.host}` },
        metadata: {
          invocationId: expect.stringMatching(/\/1$/),
          enginesmith_argv: [expect.arrayContaining(['--output_dir'])],
          enginesmith_environment: expect.objectContaining({ HF_ENDPOINT: 'https://huggingface.co' }),
        },
      },
    },
  });
});
