import * as z from 'zod';
import type { Digest, Manifest } from '../../contracts/artifacts.js';
import { filesDirectoryName } from '../store/layout.js';

/** in-toto Statement v1 (github.com/in-toto/attestation, spec/v1/statement.md). */
const STATEMENT_TYPE = 'https://in-toto.io/Statement/v1';
/** SLSA Provenance v1 (slsa.dev/spec/v1.0/provenance). */
export const PROVENANCE_TYPE = 'https://slsa.dev/provenance/v1';
/** in-toto Test Result v0.1 (spec/predicates/test-result.md). */
export const TEST_RESULT_TYPE = 'https://in-toto.io/attestation/test-result/v0.1';
/** What an envelope around a statement says it holds. */
export const STATEMENT_PAYLOAD_TYPE = 'application/vnd.in-toto+json';

const ARTIFACT_URI = 'urn:enginesmith:artifact:';

const descriptorSchema = z.looseObject({
  name: z.string().optional(),
  uri: z.string().optional(),
  digest: z.record(z.string(), z.string()).optional(),
});
/** What in-toto calls a ResourceDescriptor: a thing by name, address and digest. */
export type Descriptor = z.infer<typeof descriptorSchema>;

export const statementSchema = z.object({
  _type: z.literal(STATEMENT_TYPE),
  subject: z.array(descriptorSchema).min(1),
  predicateType: z.string(),
  predicate: z.record(z.string(), z.unknown()),
});
export type Statement = z.infer<typeof statementSchema>;

/** The predicate of SLSA Provenance v1. What SLSA has no field for is in fields of our prefix, as it asks for. */
export const provenanceSchema = z.object({
  buildDefinition: z.object({
    buildType: z.string(),
    externalParameters: z.record(z.string(), z.unknown()),
    internalParameters: z.record(z.string(), z.unknown()).default({}),
    resolvedDependencies: z.array(descriptorSchema).default([]),
  }),
  runDetails: z.object({
    builder: z.looseObject({ id: z.string() }),
    metadata: z.looseObject({
      invocationId: z.string(),
      startedOn: z.string(),
      finishedOn: z.string(),
      /** Command lines, in order. */
      enginesmith_argv: z.array(z.array(z.string())).default([]),
      /** Allow-listed variables. */
      enginesmith_environment: z.record(z.string(), z.string()).default({}),
      enginesmith_gpus: z.array(z.record(z.string(), z.unknown())).default([]),
    }),
  }),
});
export type Provenance = z.infer<typeof provenanceSchema>;

/** An artifact as statements name it. Its digest is the sha256 of its manifest in canonical JSON (RFC 8785). */
export const artifactDescriptor = (name: string, digest: Digest): Descriptor => ({
  name,
  uri: `${ARTIFACT_URI}${digest}`,
  digest: { sha256: digest },
});

/** The artifact that a descriptor names; undefined when it names another thing. */
export const artifactOf = ({ uri, digest }: Descriptor): Digest | undefined =>
  uri !== undefined && uri === `${ARTIFACT_URI}${digest?.sha256}` ? digest?.sha256 : undefined;

/** An artifact and each of its files: tools that know nothing of artifacts find a file by its sha256. */
export const subjectsOf = (digest: Digest, { kind, files }: Manifest): Descriptor[] => [
  artifactDescriptor(kind, digest),
  ...files.map(({ path, sha256 }) => ({ name: `${filesDirectoryName}/${path}`, digest: { sha256 } })),
];

export const makeStatement = (subject: Descriptor[], predicateType: string, predicate: object): Statement => ({
  _type: STATEMENT_TYPE,
  subject,
  predicateType,
  predicate: { ...predicate },
});
