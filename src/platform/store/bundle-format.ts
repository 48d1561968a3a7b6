import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import * as z from 'zod';
import { artifactKinds } from '../../contracts/artifacts.js';
import { canonicalDigest } from '../../contracts/canonical-json.js';
import { EnginesmithFailure } from '../../contracts/failures.js';
import { hasCode } from '../durable-files.js';
import { parseJson } from '../parse-json.js';
import { isSha256 } from './layout.js';

/**
 * A bundle is a directory, or a tar file of one: `bundle.json` and a part of a store, laid out as a store is. It verifies
 * itself: an artifact by the digest that is its name, everything else by the sha256 in `bundle.json`, and that file by its
 * own digest.
 */
export const bundleFileName = 'bundle.json';

const sha256 = z.string().refine(isSha256);

/** What is kept beside artifacts, and nothing else: no path of a bundle may lead out of these folders. */
const notePattern =
  /^(?:actions\/[0-9a-f]{2}\/[0-9a-f]{64}\.json|records\/[0-9a-f]{64}\/[^/]+\/[^/]+|attestations\/[0-9a-f]{2}\/[0-9a-f]{64}\/[^/]+\.json)$/;

const bundleSchema = z.strictObject({
  schema: z.literal('enginesmith/bundle/v1'),
  /** ISO 8601. */
  exportedAt: z.string(),
  artifacts: z
    .array(z.strictObject({ digest: sha256, kind: z.enum(artifactKinds), bytes: z.int().nonnegative() }))
    .min(1),
  /** Actions, records and attestations. */
  notes: z.array(
    z.strictObject({
      path: z.string().refine((path) => notePattern.test(path) && !path.split('/').includes('..')),
      sha256,
    }),
  ),
  /** Of all the rest of this file. */
  digest: sha256,
});

export type Bundle = z.infer<typeof bundleSchema>;

export function sealBundle(content: Omit<Bundle, 'digest'>): Bundle {
  return { ...content, digest: canonicalDigest(content) };
}

/**
 * Reads a bundle's list of contents.
 * @throws NotFound when the directory is no bundle, ArtifactCorrupt when its list was altered or cut off
 */
export async function readBundle(directory: string): Promise<Bundle> {
  const text = await readFile(join(directory, bundleFileName), 'utf8').catch((error: unknown) => {
    if (!hasCode(error, 'ENOENT', 'ENOTDIR')) throw error;
    throw new EnginesmithFailure(
      'NotFound',
      `${directory} has no ${bundleFileName}: it is no bundle of \`artifacts export\`.`,
    );
  });
  const parsed = bundleSchema.safeParse(parseJson(text));
  if (!parsed.success) throw corruptBundle(bundleFileName, 'it is not what `artifacts export` writes');
  const { digest, ...content } = parsed.data;
  if (canonicalDigest(content) !== digest) throw corruptBundle(bundleFileName, 'it was altered');
  return parsed.data;
}

/** Nothing of a bundle that is not right becomes visible. */
export const corruptBundle = (path: string, problem: string): EnginesmithFailure =>
  new EnginesmithFailure(
    'ArtifactCorrupt',
    `The bundle is damaged, and nothing of it was taken in: ${path}: ${problem}. Copy it again, or export it anew.`,
    { context: { file: path } },
  );
