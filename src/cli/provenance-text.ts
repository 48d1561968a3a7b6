import pc from 'picocolors';
import type { Digest } from '../contracts/artifacts.js';
import type { Attestation } from '../platform/provenance/attestation.js';
import { artifactOf, type Provenance, TEST_RESULT_TYPE } from '../platform/provenance/statement.js';
import type { TracedArtifact } from '../platform/provenance/trace.js';

/** How an artifact was made, for people: a line for it and for each thing that it was made of, as a tree. */
export function provenanceText(
  traced: ReadonlyMap<Digest, TracedArtifact>,
  { digest, verify }: { digest: Digest; verify: boolean },
): string {
  const shown = new Set<Digest>();
  const lines = (of: Digest, role: string, indent: string): string[] => {
    const artifact = traced.get(of);
    const again = shown.has(of);
    shown.add(of);
    const name = `${pc.bold(role)} ${of.slice(0, 12)}`;
    if (artifact === undefined || again) return [`${name}${again ? ' (above)' : ''}`];
    const inputs = artifact.inputs.flatMap((input, index) => {
      const last = index === artifact.inputs.length - 1;
      const [head = '', ...rest] = lines(input.digest, input.role, `${indent}  `);
      return [`${last ? '└─' : '├─'} ${head}`, ...rest.map((line) => `${last ? '  ' : '│ '} ${line}`)];
    });
    return [`${name}${artifact.kind === null ? pc.dim(' (not in the store)') : ''}`, ...detailsOf(artifact), ...inputs];
  };
  const tree = lines(digest, traced.get(digest)?.kind ?? 'artifact', '');
  const verdict = verify ? ['', 'Verified: all of it is signed by a trusted key, and the files are as stated.'] : [];
  return [...tree, ...verdict].join('\n');
}

function detailsOf({ attestations }: TracedArtifact): string[] {
  const made = attestations.filter(({ provenance }) => provenance !== null);
  const gates = attestations.filter(({ statement }) => statement.predicateType === TEST_RESULT_TYPE);
  if (made.length === 0) return ['  nothing states how it was made'];
  return [...made.flatMap(attempt), ...gates.map(gate)];
}

function attempt({ provenance, envelope }: Attestation): string[] {
  if (provenance === null) return [];
  const { buildDefinition, runDetails } = provenance;
  const { startedOn, finishedOn, enginesmith_argv } = runDetails.metadata;
  const seconds = Math.round((Date.parse(finishedOn) - Date.parse(startedOn)) / 1000);
  const host = runDetails.builder.id.split(':').at(-1);
  const what = `${buildDefinition.externalParameters.step ?? buildDefinition.buildType}`;
  return [
    `  ${what} on ${host}, ${startedOn}, ${seconds} s, ${signature(envelope)}`,
    ...othersOf(provenance).map((uri) => `  of ${uri}`),
    ...enginesmith_argv.map((argv) => `  $ ${argv.join(' ')}`),
  ];
}

/** The dependencies that are no artifacts: the toolchain, a repository at its commit. */
const othersOf = ({ buildDefinition }: Provenance): string[] =>
  buildDefinition.resolvedDependencies.flatMap((dependency) =>
    artifactOf(dependency) === undefined && dependency.uri !== undefined ? [dependency.uri] : [],
  );

const gate = ({ statement, envelope }: Attestation): string =>
  `  gate ${statement.predicate.result}, ${signature(envelope)}`;

const signature = (envelope: Attestation['envelope']): string =>
  envelope === null
    ? 'not signed'
    : `signed with key ${envelope.signatures.map(({ keyid }) => keyid.slice(0, 12)).join(', ')}`;
