import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type * as z from 'zod';
import type { Digest } from '../contracts/artifacts.js';
import { EnginesmithFailure } from '../contracts/failures.js';
import type { ArtifactStore } from '../platform/store/artifact-store.js';

/**
 * Reads a JSON file of an artifact, verified.
 * @throws EnginesmithFailure `ArtifactCorrupt` when an artifact of another release does not have it in this form
 */
export async function readArtifactJson<Content>(
  store: ArtifactStore,
  { digest, file, schema }: { digest: Digest; file: string; schema: z.ZodType<Content> },
): Promise<Content> {
  const directory = await store.materialize({ digest });
  const parsed = schema.safeParse(JSON.parse(await readFile(join(directory, file), 'utf8')));
  if (parsed.success) return parsed.data;
  throw new EnginesmithFailure('ArtifactCorrupt', `${file} of artifact ${digest.slice(0, 12)} is not as expected`, {
    cause: parsed.error,
    context: { digest, file },
  });
}
