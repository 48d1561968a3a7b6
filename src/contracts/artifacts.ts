/** Lower-case hex sha256, the only form in which a digest crosses a boundary. */
export type Digest = string;

/**
 * Whether a revision of a model or dataset names content that the store has, and no commit of the Hub's: those are sha1.
 * `artifacts import` takes such content in.
 */
export const isContentRevision = (revision: string): boolean => /^[0-9a-f]{64}$/.test(revision);

/** What would make an artifact: sha256 over step, versions, semantic parameters and input digests (see `action-key.ts`). */
export type ActionKey = string;

export const artifactKinds = [
  'model',
  'dataset',
  'checkpoint',
  'engine',
  'evaluation',
  'agreement',
  'gate-evidence',
  'serving-parameters',
] as const;

export type ArtifactKind = (typeof artifactKinds)[number];

/** One file of an artifact. Paths are relative, with forward slashes; modes are not kept: every file is read-only. */
export interface ManifestFile {
  path: string;
  bytes: number;
  sha256: Digest;
}

/** The list of an artifact's files, sorted by path. Its canonical JSON's sha256 is the artifact's content digest. */
export interface Manifest {
  schema: 'enginesmith/artifact/v1';
  kind: ArtifactKind;
  files: ManifestFile[];
}

/** What crosses the wire in place of an artifact. */
export interface ArtifactReference {
  kind: ArtifactKind;
  digest: Digest;
  /** Sum of the sizes of its files. */
  bytes: number;
}
