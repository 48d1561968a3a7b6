import type { Digest } from '../../contracts/artifacts.js';
import { parseJson } from '../parse-json.js';
import type { AttestationFile } from '../store/attestations.js';
import { type Envelope, envelopeSchema, payloadOf, signEnvelope } from './dsse.js';
import type { SigningKey } from './keys.js';
import {
  artifactOf,
  PROVENANCE_TYPE,
  type Provenance,
  provenanceSchema,
  STATEMENT_PAYLOAD_TYPE,
  type Statement,
  statementSchema,
} from './statement.js';

/** A statement about an artifact, as it lies beside it. */
export interface Attestation {
  name: string;
  statement: Statement;
  /** Null where nobody signed it. */
  envelope: Envelope | null;
  /** The predicate of one that says how the artifact was made; null for another one. */
  provenance: Provenance | null;
}

/** A statement as a file: in an envelope, signed, where there is a key to sign with. */
export const attestationFile = (name: string, statement: Statement, key: SigningKey | null): AttestationFile => ({
  name,
  text:
    key === null
      ? `${JSON.stringify(statement, null, 2)}\n`
      : `${JSON.stringify(signEnvelope(STATEMENT_PAYLOAD_TYPE, Buffer.from(JSON.stringify(statement)), key))}\n`,
});

/** @returns undefined for what is no statement about this artifact */
export function parseAttestation({ name, text }: AttestationFile, digest: Digest): Attestation | undefined {
  const content = parseJson(text);
  const envelope = envelopeSchema.safeParse(content).data ?? null;
  if (envelope !== null && envelope.payloadType !== STATEMENT_PAYLOAD_TYPE) return undefined;
  const statement = statementSchema.safeParse(
    envelope === null ? content : parseJson(payloadOf(envelope).toString('utf8')),
  ).data;
  if (!statement?.subject.some((subject) => artifactOf(subject) === digest)) return undefined;
  if (statement.predicateType !== PROVENANCE_TYPE) return { name, statement, envelope, provenance: null };
  const provenance = provenanceSchema.safeParse(statement.predicate).data;
  return provenance && { name, statement, envelope, provenance };
}
