import { sign, verify } from 'node:crypto';
import * as z from 'zod';
import type { SigningKey, TrustedKey } from './keys.js';

/** A DSSE envelope (github.com/secure-systems-lab/dsse, envelope.md, version 1.0). */
export const envelopeSchema = z.object({
  payloadType: z.string(),
  /** Base64, of either alphabet. */
  payload: z.base64().or(z.base64url()),
  signatures: z.array(z.object({ keyid: z.string().default(''), sig: z.base64().or(z.base64url()) })).min(1),
});
export type Envelope = z.infer<typeof envelopeSchema>;

/** What a signature is over: DSSE's Pre-Authentication Encoding, so that one type of payload cannot pass for another. */
export function preAuthenticationEncoding(payloadType: string, payload: Uint8Array): Buffer {
  const type = Buffer.from(payloadType, 'utf8');
  return Buffer.concat([Buffer.from(`DSSEv1 ${type.length} `), type, Buffer.from(` ${payload.length} `), payload]);
}

/** Signs a payload with ed25519. */
export function signEnvelope(payloadType: string, payload: Uint8Array, { key, keyId }: SigningKey): Envelope {
  const signature = sign(null, preAuthenticationEncoding(payloadType, payload), key);
  return {
    payloadType,
    payload: Buffer.from(payload).toString('base64'),
    signatures: [{ keyid: keyId, sig: signature.toString('base64') }],
  };
}

export const payloadOf = ({ payload }: Envelope): Buffer => Buffer.from(payload, 'base64');

/**
 * The ids of the trusted keys whose signatures hold. The key id that a signature names is a hint that nothing vouches for, so
 * every key is tried.
 */
export function signersOf(envelope: Envelope, trusted: readonly TrustedKey[]): string[] {
  const signed = preAuthenticationEncoding(envelope.payloadType, payloadOf(envelope));
  return trusted
    .filter(({ key }) => envelope.signatures.some(({ sig }) => verify(null, signed, key, Buffer.from(sig, 'base64'))))
    .map(({ keyId }) => keyId);
}
