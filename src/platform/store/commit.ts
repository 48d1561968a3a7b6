import type {
  ActionKey,
  ArtifactKind,
  ArtifactReference,
  Digest,
  Manifest,
  ManifestFile,
} from '../../contracts/artifacts.js';
import type { ActionFacts, Actions } from './actions.js';
import type { ArtifactFolders } from './artifact-folders.js';
import { type AttemptRecord, keepAttemptRecord } from './attempt-record.js';
import type { AttestationFile, Attestations } from './attestations.js';
import type { FileHasher } from './hash-files.js';
import type { StoreLayout } from './layout.js';
import { referenceOf } from './manifest.js';
import { sealArtifact } from './seal-artifact.js';
import type { StagingFolder } from './staging.js';
import type { Verification } from './verification.js';

export interface CommitOptions extends ActionFacts {
  key: ActionKey;
  record: AttemptRecord;
  /** Files that were verified while they were written: where the size fits, they are not read again. */
  knownDigests?: readonly ManifestFile[];
  /** The statement that is kept of the artifact once its digest is known. @default none */
  attest?: (made: { digest: Digest; manifest: Manifest }) => AttestationFile;
  /** Called right before the artifact becomes visible; what it throws refuses the commit. See `Claim.assertHeld`. */
  assertClaim?: () => Promise<void>;
}

export interface CommitResult {
  /** What the key names from now on. */
  reference: ArtifactReference;
  /** The same content was in the store before. */
  adopted: boolean;
  /**
   * The key named other content before, and goes on naming it: the tool is not deterministic. Both artifacts stay;
   * `reference` is the kept one, so that every pipeline builds on the same.
   */
  conflict?: { kept: Digest; committed: Digest };
}

export interface CommitDependencies {
  layout: StoreLayout;
  folders: ArtifactFolders;
  actions: Actions;
  attestations: Attestations;
  hasher: FileHasher;
  verification: Verification;
}

/**
 * Makes an attempt's output an artifact. The order is what survives SIGKILL: the artifact appears whole by one rename,
 * then its record and its statement, and only then the action's entry, so that a hit always leads to a whole artifact with both.
 * @throws ToolOutputInvalid when the output cannot be an artifact, and whatever `assertClaim` throws
 */
export async function commitArtifact(
  { layout, folders, actions, attestations, hasher, verification }: CommitDependencies,
  {
    kind,
    folder,
    key,
    record,
    knownDigests = [],
    attest,
    assertClaim,
    madeAs,
    components,
    remake,
  }: CommitOptions & { kind: ArtifactKind; folder: StagingFolder },
): Promise<CommitResult> {
  const { manifest, digest, files } = await sealArtifact({ kind, folder, knownDigests, hasher });
  await assertClaim?.();
  const { adopted } = await folders.place(digest, folder.artifact);
  if (!adopted) await verification.stamp(digest, files);

  const destination = layout.attemptRecord(digest, record.attemptId);
  await keepAttemptRecord({ record, key, digest, scratch: folder.scratch, destination });
  if (attest) await attestations.keep({ ...attest({ digest, manifest }), digest, scratch: folder.scratch });

  const reference = await actions.record({
    key,
    reference: referenceOf(manifest, digest),
    scratch: folder.scratch,
    madeAs,
    components,
    remake,
  });
  await folder.discard();
  if (reference.digest === digest) return { reference, adopted };
  return { reference, adopted, conflict: { kept: reference.digest, committed: digest } };
}
