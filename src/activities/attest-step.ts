import { activityInfo } from '@temporalio/activity';
import type { Digest, Manifest } from '../contracts/artifacts.js';
import { attestationFile } from '../platform/provenance/attestation.js';
import { makeProvenance } from '../platform/provenance/make-provenance.js';
import { artifactDescriptor, type Descriptor } from '../platform/provenance/statement.js';
import { type AttemptRecord, withoutCredentials } from '../platform/store/attempt-record.js';
import type { AttestationFile } from '../platform/store/attestations.js';
import { stepVersions } from '../toolchains/step-plans.js';
import type { ActivityDependencies } from './dependencies.js';
import type { MakeContext } from './make-artifact.js';
import type { StatedGpu } from './stated-gpus.js';

/** What an attempt states of the artifact that it made: of what, how, with what, where and when. */
export const attestStep =
  (
    { configuration, signingKey }: Pick<ActivityDependencies, 'configuration' | 'signingKey'>,
    context: MakeContext,
    { record, gpus }: { record: AttemptRecord; gpus: readonly StatedGpu[] },
  ) =>
  (made: { digest: Digest; manifest: Manifest }): AttestationFile => {
    const { plan, key, inputs, admitted } = context;
    const { namespace, workflowExecution, activityId, attempt } = activityInfo();
    const { workflowId = '', runId = '' } = workflowExecution ?? {};
    const { model, baselineModel, evaluationDataset, calibrationDataset, specDigest } = admitted;
    const statement = makeProvenance(made, {
      kind: 'step',
      externalParameters: {
        step: plan.activity,
        stepVersion: stepVersions[plan.activity],
        parameters: plan.parameters,
        inputs,
        gpuArchitecture: plan.architectureBound ? admitted.spec.gpuClass : null,
        sources: {
          model: { ...model },
          baselineModel: { ...baselineModel },
          evaluationDataset: { ...evaluationDataset },
          calibrationDataset: calibrationDataset && { ...calibrationDataset },
        },
      },
      internalParameters: { actionKey: key, stepId: plan.id, specDigest, gpus: plan.gpus },
      dependencies: [
        ...Object.entries(inputs).map(([role, digest]) => artifactDescriptor(role, digest)),
        ...toolchainOf(context),
        ...repositoryOf(context, configuration.hub.endpoint),
      ],
      host: record.host,
      invocationId: [namespace, workflowId, runId, activityId, attempt]
        .map((part) => encodeURIComponent(part))
        .join('/'),
      startedAt: record.startedAt,
      endedAt: record.endedAt,
      argv: record.argv,
      environment: withoutCredentials(record.environment),
      gpus,
    });
    return attestationFile(record.attemptId, statement, signingKey);
  };

function toolchainOf({ plan, admitted: { toolchain } }: MakeContext): Descriptor[] {
  const { name, release, identity } = toolchain;
  if (!plan.usesToolchain) return [];
  return [{ name: 'toolchain', uri: `urn:enginesmith:toolchain:${name}:${release}`, digest: { sha256: identity } }];
}

/** What a download was downloaded from, as SLSA names a commit of a git repository. */
function repositoryOf({ plan }: MakeContext, endpoint: string): Descriptor[] {
  const { kind, repository, commit } = plan.parameters;
  if (plan.activity !== 'download' || typeof commit !== 'string') return [];
  const path = kind === 'dataset' ? `datasets/${repository}` : `${repository}`;
  return [{ name: 'repository', uri: `git+${endpoint}/${path}@${commit}`, digest: { gitCommit: commit } }];
}
