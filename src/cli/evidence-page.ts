import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { Digest } from '../contracts/artifacts.js';
import { EVIDENCE_PAGE } from '../contracts/gate.js';
import type { Configuration } from '../platform/config.js';
import { placesOf } from '../platform/places.js';
import { filesDirectoryName, storeLayout } from '../platform/store/layout.js';

/** What a pipeline's last gate left; null before its first. Steps are in the order in which they began. */
export const evidenceDigest = (steps: readonly { name: string; digest: Digest | null }[]): Digest | null =>
  steps.findLast(({ name, digest }) => name.startsWith('gate-') && digest !== null)?.digest ?? null;

/** The file of an evidence's page; null where this host does not have it. */
export function evidencePageFile(
  configuration: Pick<Configuration, 'home' | 'cache' | 'host'>,
  digest: Digest,
): string | null {
  const artifact = storeLayout(placesOf(configuration).store).artifact(digest);
  const page = join(artifact, filesDirectoryName, EVIDENCE_PAGE);
  return existsSync(page) ? page : null;
}

/** Where the evidence of a pipeline's last gate can be read, the best place first: its address, its file. */
export function evidencePlaces(
  configuration: Pick<Configuration, 'home' | 'cache' | 'host'>,
  { steps, gate }: { steps: readonly { name: string; digest: Digest }[]; gate: { page: string | null } | null },
): string[] {
  const digest = evidenceDigest(steps);
  const file = digest === null ? null : evidencePageFile(configuration, digest);
  return [gate?.page ?? null, file].filter((place) => place !== null);
}
