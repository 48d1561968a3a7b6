import { existsSync } from 'node:fs';
import { mkdir, symlink } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Digest } from '../contracts/artifacts.js';
import type { ArtifactStore } from '../platform/store/artifact-store.js';

export interface MaterializedInputs {
  /** What tools are given, by role. */
  paths: Record<string, string>;
  /** Where the files are. */
  directories: string[];
}

/**
 * Verified local paths of a step's inputs. Tools recognise cnn_dailymail by its path, so datasets are linked under that name
 * in the step's scratch directory.
 */
export async function materializeInputs(
  store: ArtifactStore,
  inputs: Record<string, Digest>,
  scratch: string,
): Promise<MaterializedInputs> {
  const directories: string[] = [];
  const paths: Record<string, string> = {};
  for (const [role, digest] of Object.entries(inputs)) {
    const directory = await store.materialize({ digest });
    directories.push(directory);
    paths[role] = role.endsWith('Dataset') ? await linkDataset(scratch, role, directory, digest) : directory;
  }
  return { paths, directories };
}

async function linkDataset(scratch: string, role: string, directory: string, digest: Digest): Promise<string> {
  const link = join(scratch, role, digest.slice(0, 12), 'ccdv', 'cnn_dailymail');
  await mkdir(dirname(link), { recursive: true });
  // A tool that outlived its worker may be reading through the link.
  if (!existsSync(link)) await symlink(directory, link);
  return link;
}
