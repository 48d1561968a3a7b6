import { createHash, createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject } from 'node:crypto';
import { readFile, stat, writeFile } from 'node:fs/promises';
import { EnginesmithFailure } from '../../contracts/failures.js';
import { hasCode } from '../durable-files.js';

export interface SigningKey {
  key: KeyObject;
  /** Of its public half. */
  keyId: string;
}

export interface TrustedKey {
  key: KeyObject;
  keyId: string;
}

/** Lower-case hex sha256 of a public key's SPKI (DER): what `openssl pkey -pubin -outform DER | sha256sum` prints. */
export const keyIdOf = (publicKey: KeyObject): string =>
  createHash('sha256')
    .update(publicKey.export({ type: 'spki', format: 'der' }))
    .digest('hex');

/**
 * Reads the private key that statements are signed with: ed25519, PEM of PKCS#8, for its owner alone, as ssh asks of its keys.
 * @throws EnginesmithFailure `PrerequisiteMissing` naming the file and what to do
 */
export async function readSigningKey(file: string): Promise<SigningKey> {
  const { pem, mode } = await read(file);
  if ((mode & 0o077) !== 0) {
    const shown = (mode & 0o777).toString(8);
    throw unusable(file, `others than its owner may use it (mode ${shown}): chmod 600 it`);
  }
  const key = parse(file, pem, createPrivateKey);
  return { key, keyId: keyIdOf(createPublicKey(key)) };
}

/**
 * Reads public keys, one a file: ed25519, PEM of SPKI.
 * @throws EnginesmithFailure `PrerequisiteMissing` naming the file and what to do
 */
export const readTrustedKeys = (files: readonly string[]): Promise<TrustedKey[]> =>
  Promise.all(
    files.map(async (file) => {
      const { pem } = await read(file);
      // Node would derive the public half of a private key: one that lies about to be read is no trusted key.
      if (/PRIVATE KEY/.test(pem)) throw unusable(file, 'it is a private key: name the file with its public half');
      const key = parse(file, pem, createPublicKey);
      return { key, keyId: keyIdOf(key) };
    }),
  );

/**
 * Makes a key pair: the private half in `file`, for its owner alone, the public one in `<file>.pub`.
 * @throws EnginesmithFailure `PrerequisiteMissing` when one of the files exists or cannot be written
 */
export async function generateKeyFiles(
  file: string,
): Promise<{ privateFile: string; publicFile: string; keyId: string }> {
  const { privateKey, publicKey } = generateKeyPairSync('ed25519');
  const publicFile = `${file}.pub`;
  const write = (path: string, content: string | Buffer, mode: number) =>
    writeFile(path, content, { flag: 'wx', mode }).catch((cause: unknown) => {
      const why = hasCode(cause, 'EEXIST') ? 'it is there already: keys are not overwritten' : `${cause}`;
      throw new EnginesmithFailure('PrerequisiteMissing', `${path} cannot be written: ${why}.`, { cause });
    });
  await write(file, privateKey.export({ type: 'pkcs8', format: 'pem' }), 0o600);
  await write(publicFile, publicKey.export({ type: 'spki', format: 'pem' }), 0o644);
  return { privateFile: file, publicFile, keyId: keyIdOf(publicKey) };
}

async function read(file: string): Promise<{ pem: string; mode: number }> {
  try {
    return { pem: await readFile(file, 'utf8'), mode: (await stat(file)).mode };
  } catch (cause) {
    throw unusable(file, 'it cannot be read', cause);
  }
}

function parse(file: string, pem: string, create: (pem: string) => KeyObject): KeyObject {
  let key: KeyObject;
  try {
    key = create(pem);
  } catch (cause) {
    throw unusable(file, 'it is no PEM of a key', cause);
  }
  if (key.asymmetricKeyType === 'ed25519') return key;
  throw unusable(file, `it is of type ${key.asymmetricKeyType}; statements are signed with ed25519`);
}

const unusable = (file: string, problem: string, cause?: unknown): EnginesmithFailure =>
  new EnginesmithFailure(
    'PrerequisiteMissing',
    `The key file ${file} is not usable: ${problem}. \`npx enginesmith keys generate FILE\` makes a pair.`,
    { cause, context: { file } },
  );
