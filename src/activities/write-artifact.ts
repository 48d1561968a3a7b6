import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { commitAttempt } from './commit-attempt.js';
import type { ActivityDependencies } from './dependencies.js';
import type { MakeContext } from './make-artifact.js';

/** Commits files that a step computed itself, without a tool. */
export async function writeArtifact(
  dependencies: ActivityDependencies,
  context: MakeContext,
  files: Record<string, string>,
) {
  const startedAt = new Date().toISOString();
  const staging = await dependencies.store.stage(context.plan.artifact);
  for (const [name, content] of Object.entries(files)) await writeFile(join(staging.directory, name), content);
  return commitAttempt(dependencies, context, staging, { startedAt });
}
