import { isAbsolute } from 'node:path';
import { expect, test } from 'vitest';
import { readConfiguration } from '../../src/platform/config.js';
import { evidencePageUrl } from '../../src/platform/evidence-url.js';

test('every path is absolute, however it was written', () => {
  const { home, cache, toolchainRoot, hubMirror } = readConfiguration({
    ENGINESMITH_HOME: 'home',
    ENGINESMITH_CACHE: 'cache',
    ENGINESMITH_TOOLCHAIN_ROOT: 'toolchain',
    ENGINESMITH_HUB_MIRROR: 'mirror',
  });
  expect([home, cache, toolchainRoot, hubMirror].map((path) => isAbsolute(path ?? ''))).toEqual(Array(4).fill(true));
});

test('an address with a password is refused, because addresses stand in messages and histories', () => {
  const read = () => readConfiguration({ HF_ENDPOINT: 'https://ann:secret@hub.example' });
  expect(read).toThrow(/HF_ENDPOINT: must not hold a user name or password/);
  expect(read).not.toThrow(/secret/);
});

test('every variable that is wrong is named at once', () => {
  expect(() => readConfiguration({ HF_ENDPOINT: 'hub', ENGINESMITH_ROLES: 'cook' })).toThrow(
    /ENGINESMITH_ROLES\.0: must be a comma-separated list.*HF_ENDPOINT: must be an http or https URL/s,
  );
});

test('the address of an evidence is on the server that the environment names, and nowhere without one', () => {
  const digest = 'ab'.repeat(32);
  const served = readConfiguration({ ENGINESMITH_EVIDENCE_URL: 'http://127.0.0.1:8234/' });
  expect(evidencePageUrl(served, digest)).toBe(`http://127.0.0.1:8234/evidence/${digest}`);
  expect(evidencePageUrl(readConfiguration({}), digest)).toBeNull();
});

test('the proxies of the environment lead to the Hub', () => {
  const { hub } = readConfiguration({ https_proxy: 'http://proxy.example:3128', NO_PROXY: 'hub.example' });
  expect(hub.proxy).toEqual({ https: 'http://proxy.example:3128', bypass: 'hub.example' });
  expect(readConfiguration({}).hub.proxy).toBeUndefined();
});

test('a bucket is named as s3://bucket/prefix, and the server that has it as for all of AWS’s tools', () => {
  const read = (more: NodeJS.ProcessEnv) => readConfiguration(more).remoteStore;
  const address = { ENGINESMITH_REMOTE_STORE: 's3://engines/team/a/' };
  expect(read({})).toBeUndefined();
  expect(read(address)).toEqual({ bucket: 'engines', prefix: 'team/a', endpoint: undefined });
  const named = { AWS_ENDPOINT_URL_S3: 'http://minio:9000', AWS_ENDPOINT_URL: 'http://other' };
  expect(read({ ...address, ...named })?.endpoint).toBe('http://minio:9000');
  expect(() => read({ ENGINESMITH_REMOTE_STORE: '/mnt/engines' })).toThrow('must be as s3://bucket/prefix');
});

test('provenance cannot be required without a key to trust', () => {
  expect(() => readConfiguration({ ENGINESMITH_REQUIRE_PROVENANCE: '1' })).toThrow('ENGINESMITH_TRUSTED_KEYS');
  const { provenance } = readConfiguration({
    ENGINESMITH_REQUIRE_PROVENANCE: '1',
    ENGINESMITH_TRUSTED_KEYS: '/keys/a.pub, /keys/b.pub',
  });
  expect(provenance).toMatchObject({ requireProvenance: true, trustedKeys: ['/keys/a.pub', '/keys/b.pub'] });
});

test.each(['127.0.0.1:9464', '0.0.0.0:9464', '[::1]:9464'])('metrics are served at %s', (address) => {
  expect(readConfiguration({ ENGINESMITH_METRICS_ADDRESS: address }).metricsAddress).toBe(address);
});

test.each(['localhost:9464', '9464', '127.0.0.1', '127.0.0.1:99999'])('metrics are not served at %s', (address) => {
  expect(() => readConfiguration({ ENGINESMITH_METRICS_ADDRESS: address })).toThrow(
    /ENGINESMITH_METRICS_ADDRESS: must be an IP address and a port/,
  );
});
