import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { attemptId } from './attempt.js';
import type { ActivityDependencies } from './dependencies.js';
import type { MakeContext } from './make-artifact.js';

/** Commits files that a step computed itself, without a tool. */
export async function writeArtifact(
  { store, configuration }: Pick<ActivityDependencies, 'store' | 'configuration'>,
  { plan, key, assertClaim }: MakeContext,
  files: Record<string, string>,
) {
  const startedAt = new Date().toISOString();
  const staging = await store.stage(plan.artifact);
  try {
    for (const [name, content] of Object.entries(files)) await writeFile(join(staging.directory, name), content);
    return await staging.commit({
      key,
      assertClaim,
      record: {
        attemptId: attemptId(),
        step: plan.id,
        argv: [],
        environment: {},
        startedAt,
        endedAt: new Date().toISOString(),
        host: configuration.host,
        toolchain: null,
      },
    });
  } finally {
    await staging.discard();
  }
}
