import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { EnginesmithFailure } from '../contracts/failures.js';
import type { GpuDevice } from './gpu-leases.js';

const description = z.object({
  name: z.string().min(1),
  release: z.string().min(1),
  identity: z.string().regex(/^[0-9a-f]{64}$/, 'must be a sha256'),
  environment: z.record(z.string(), z.union([z.string(), z.array(z.string())])).default({}),
  devices: z
    .array(z.object({ index: z.int().min(0), class: z.string().min(1), memoryBytes: z.int().positive() }))
    .min(1),
});

/** A toolchain on this host. */
export interface ToolchainInstallation {
  root: string;
  name: string;
  release: string;
  /** sha256 over all that it is made of. */
  identity: string;
  /** GPUs that steps may lease: real ones, or virtual ones that the toolchain declares. */
  devices: GpuDevice[];
  /** What its programs need in their environment. Lists are joined by colons, in front of what is there. */
  environment: Record<string, string | string[]>;
}

/**
 * Reads `toolchain.json` in a toolchain's root: the file that says what is installed there.
 * @throws EnginesmithFailure `PrerequisiteMissing` when the root is not set, or the file is absent or malformed
 */
export async function readToolchainInstallation(root: string | undefined): Promise<ToolchainInstallation> {
  if (root === undefined) {
    throw new EnginesmithFailure(
      'PrerequisiteMissing',
      'ENGINESMITH_TOOLCHAIN_ROOT is not set: it names the directory of a toolchain, in which toolchain.json lies. ' +
        'In a checkout, `npm run setup` installs the CPU reference and `npx enginesmith` sets it.',
    );
  }
  const file = join(root, 'toolchain.json');
  const content = await readFile(file, 'utf8').catch((cause: unknown) => {
    throw new EnginesmithFailure(
      'PrerequisiteMissing',
      `${file} cannot be read: is ENGINESMITH_TOOLCHAIN_ROOT a toolchain?`,
      {
        cause,
      },
    );
  });
  const parsed = z
    .string()
    .transform((text, context): unknown => {
      try {
        return JSON.parse(text);
      } catch {
        context.addIssue('is not JSON');
        return z.NEVER;
      }
    })
    .pipe(description)
    .safeParse(content);
  if (parsed.success) return { root, ...parsed.data };
  const problems = parsed.error.issues.map((issue) => `  ${issue.path.join('.') || file}: ${issue.message}`);
  throw new EnginesmithFailure('PrerequisiteMissing', [`${file} is not usable:`, ...problems].join('\n'));
}
