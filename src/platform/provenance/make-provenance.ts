import type { Digest, Manifest } from '../../contracts/artifacts.js';
import type { JsonObject } from '../../contracts/canonical-json.js';
import type { GpuDevice } from '../gpus/device.js';
import { packageVersion } from '../package-version.js';
import { type Descriptor, makeStatement, PROVENANCE_TYPE, type Statement, subjectsOf } from './statement.js';

/** What an attempt knows of how it made an artifact. */
export interface ProvenanceFacts {
  /** As in `step` or `import`: with what else it says, the type of the build. */
  kind: 'step' | 'import';
  /** What was asked for: who knows these and the dependencies can make it again. */
  externalParameters: JsonObject;
  /** What the service chose itself. */
  internalParameters: JsonObject;
  dependencies: Descriptor[];
  host: string;
  /** Names the attempt: namespace, workflow, run, activity and attempt, where there are such. */
  invocationId: string;
  /** ISO 8601. */
  startedAt: string;
  /** ISO 8601. */
  endedAt: string;
  argv: readonly (readonly string[])[];
  /** Values of allow-listed variables, without passwords. */
  environment: Readonly<Record<string, string>>;
  gpus: readonly GpuDevice[];
}

/** The SLSA provenance of an artifact, as an in-toto statement. */
export const makeProvenance = (
  { digest, manifest }: { digest: Digest; manifest: Manifest },
  facts: ProvenanceFacts,
): Statement =>
  makeStatement(subjectsOf(digest, manifest), PROVENANCE_TYPE, {
    buildDefinition: {
      buildType: `urn:enginesmith:build:${facts.kind}:v1`,
      externalParameters: facts.externalParameters,
      internalParameters: facts.internalParameters,
      resolvedDependencies: facts.dependencies,
    },
    runDetails: {
      builder: {
        id: `urn:enginesmith:host:${facts.host}`,
        version: { enginesmith: packageVersion, node: process.versions.node },
      },
      metadata: {
        invocationId: facts.invocationId,
        startedOn: facts.startedAt,
        finishedOn: facts.endedAt,
        enginesmith_argv: facts.argv,
        enginesmith_environment: facts.environment,
        enginesmith_gpus: facts.gpus.map((gpu) => ({ ...gpu })),
      },
    },
  });
