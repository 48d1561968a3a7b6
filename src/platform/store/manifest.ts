import * as z from 'zod';
import { type ArtifactReference, artifactKinds, type Digest, type Manifest } from '../../contracts/artifacts.js';
import { canonicalDigest } from '../../contracts/canonical-json.js';
import { parseJson } from '../parse-json.js';
import { isSha256 } from './layout.js';

/** A manifest that comes from a bucket says where its files are written to. */
function leadsNowhereElse(path: string): boolean {
  return !path.includes('\0') && path.split('/').every((name) => !['', '.', '..'].includes(name));
}

const manifestSchema = z.strictObject({
  schema: z.literal('enginesmith/artifact/v1'),
  kind: z.enum(artifactKinds),
  files: z
    .array(
      z.strictObject({
        path: z.string().refine(leadsNowhereElse),
        bytes: z.int().nonnegative(),
        sha256: z.string().refine(isSha256),
      }),
    )
    .min(1),
});

/** @returns undefined when the text is not the manifest that this digest names */
export function parseManifest(text: string, digest: Digest): Manifest | undefined {
  const parsed = manifestSchema.safeParse(parseJson(text));
  return parsed.success && manifestDigest(parsed.data) === digest ? parsed.data : undefined;
}

/** The content digest of the artifact that a manifest describes. */
export function manifestDigest(manifest: Manifest): Digest {
  return canonicalDigest(manifest);
}

export function referenceOf(manifest: Manifest, digest: Digest): ArtifactReference {
  return { kind: manifest.kind, digest, bytes: manifest.files.reduce((sum, file) => sum + file.bytes, 0) };
}
