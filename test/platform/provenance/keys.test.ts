import { createHash, generateKeyPairSync } from 'node:crypto';
import { chmod, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { generateKeyFiles, readSigningKey, readTrustedKeys } from '../../../src/platform/provenance/keys.js';
import { temporaryDirectory } from '../store/store-fixture.js';

test('a pair that was generated is one: the same id for both halves, the private one for its owner alone', async () => {
  const file = join(await temporaryDirectory(), 'signing.pem');
  const { keyId, publicFile } = await generateKeyFiles(file);
  expect((await stat(file)).mode & 0o777).toBe(0o600);
  expect(await readFile(file, 'utf8')).toContain('-----BEGIN PRIVATE KEY-----');
  expect((await readSigningKey(file)).keyId).toBe(keyId);
  expect(await readTrustedKeys([publicFile])).toMatchObject([{ keyId }]);
  const der = Buffer.from((await readFile(publicFile, 'utf8')).replaceAll(/-----.*-----|\s/g, ''), 'base64');
  expect(keyId).toBe(createHash('sha256').update(der).digest('hex'));
  await expect(generateKeyFiles(file)).rejects.toMatchObject({ type: 'PrerequisiteMissing' });
});

test('a private key that others may read is refused, and says how to mend it', async () => {
  const file = join(await temporaryDirectory(), 'signing.pem');
  await generateKeyFiles(file);
  await chmod(file, 0o640);
  await expect(readSigningKey(file)).rejects.toMatchObject({
    type: 'PrerequisiteMissing',
    message: expect.stringContaining('mode 640): chmod 600 it'),
  });
});

test('what is no ed25519 key of the right half is refused by name', async () => {
  const directory = await temporaryDirectory();
  const file = join(directory, 'key.pem');
  const refusal = (problem: string) => ({ type: 'PrerequisiteMissing', message: expect.stringContaining(problem) });
  await expect(readSigningKey(file)).rejects.toMatchObject(refusal('cannot be read'));
  await writeFile(file, 'not a key', { mode: 0o600 });
  await expect(readSigningKey(file)).rejects.toMatchObject(refusal('no PEM'));
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  await writeFile(file, privateKey.export({ type: 'pkcs8', format: 'pem' }));
  await expect(readSigningKey(file)).rejects.toMatchObject(refusal('of type ec'));
  await expect(readTrustedKeys([file])).rejects.toMatchObject(refusal('it is a private key'));
});
