import { createPublicKey, generateKeyPairSync, verify } from 'node:crypto';
import { expect, test } from 'vitest';
import {
  envelopeSchema,
  payloadOf,
  preAuthenticationEncoding,
  signEnvelope,
  signersOf,
} from '../../../src/platform/provenance/dsse.js';
import { keyIdOf } from '../../../src/platform/provenance/keys.js';

const coordinate = (decimal: string) =>
  Buffer.from(BigInt(decimal).toString(16).padStart(64, '0'), 'hex').toString('base64url');

/** The test vector of DSSE's protocol.md, version 1.0.0: ECDSA over P-256, raw concatenation of r and s. */
const published = {
  x: '46950820868899156662930047687818585632848591499744589407958293238635476079160',
  y: '5640078356564379163099075877009565129882514886557779369047442380624545832820',
  preAuthenticationEncoding: 'DSSEv1 29 http://example.com/HelloWorld 11 hello world',
  envelope:
    '{"payload": "aGVsbG8gd29ybGQ=", "payloadType": "http://example.com/HelloWorld", "signatures": [{"sig": ' +
    '"A3JqsQGtVsJ2O2xqrI5IcnXip5GToJ3F+FnZ+O88SjtR6rDAajabZKciJTfUiHqJPcIAriEGAHTVeCUjW2JIZA=="}]}',
};

const pair = () => {
  const { privateKey, publicKey } = generateKeyPairSync('ed25519');
  const keyId = keyIdOf(publicKey);
  return { signing: { key: privateKey, keyId }, trusted: { key: publicKey, keyId } };
};

test('the encoding that is signed is the published one, and the published signature holds over it', () => {
  const envelope = envelopeSchema.parse(JSON.parse(published.envelope));
  const signed = preAuthenticationEncoding(envelope.payloadType, payloadOf(envelope));
  expect(signed.toString()).toBe(published.preAuthenticationEncoding);
  const jwk = { kty: 'EC', crv: 'P-256', x: coordinate(published.x), y: coordinate(published.y) };
  const key = createPublicKey({ key: jwk, format: 'jwk' });
  const signature = Buffer.from(envelope.signatures[0]?.sig ?? '', 'base64');
  expect(verify('sha256', signed, { key, dsaEncoding: 'ieee-p1363' }, signature)).toBe(true);
});

test('lengths are of bytes, not of characters', () => {
  expect(preAuthenticationEncoding('tÿpe', Buffer.from('größe')).toString()).toBe('DSSEv1 5 tÿpe 7 größe');
});

test('only the key that signed vouches for an envelope, whatever key it names', () => {
  const [ours, theirs] = [pair(), pair()];
  const envelope = signEnvelope('text/plain', Buffer.from('made here'), ours.signing);
  expect(signersOf(envelope, [theirs.trusted, ours.trusted])).toEqual([ours.signing.keyId]);
  const claimed = {
    ...envelope,
    signatures: envelope.signatures.map(({ sig }) => ({ sig, keyid: theirs.signing.keyId })),
  };
  expect(signersOf(claimed, [theirs.trusted])).toEqual([]);
});

test('nobody vouches for another payload, or for the same under another type', () => {
  const { signing, trusted } = pair();
  const envelope = signEnvelope('text/plain', Buffer.from('made here'), signing);
  const payload = Buffer.from('made there').toString('base64');
  expect(signersOf({ ...envelope, payload }, [trusted])).toEqual([]);
  expect(signersOf({ ...envelope, payloadType: 'text/html' }, [trusted])).toEqual([]);
});

test('either alphabet of base64 is read', () => {
  const { signing, trusted } = pair();
  const payload = Buffer.from([0xfb, 0xff, 0xfe, 0x3f]);
  const { signatures, ...envelope } = signEnvelope('text/plain', payload, signing);
  const urlSafe = envelopeSchema.parse({
    ...envelope,
    payload: payload.toString('base64url'),
    signatures: signatures.map(({ sig }) => ({ sig: Buffer.from(sig, 'base64').toString('base64url') })),
  });
  expect(payloadOf(urlSafe)).toEqual(payload);
  expect(signersOf(urlSafe, [trusted])).toEqual([signing.keyId]);
});
