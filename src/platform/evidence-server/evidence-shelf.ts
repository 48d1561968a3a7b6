import { createHash } from 'node:crypto';
import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import * as z from 'zod';
import type { Digest, Manifest } from '../../contracts/artifacts.js';
import { EVIDENCE_FILE, type EVIDENCE_PAGE, type GateEvidence, gateEvidence } from '../../contracts/gate.js';
import { readIfPresent } from '../durable-files.js';
import { parseJson } from '../parse-json.js';
import { filesDirectoryName, isSha256, manifestFileName, storeLayout } from '../store/layout.js';
import { parseManifest } from '../store/manifest.js';

/** Thousands of articles with their texts: more is no evidence. */
const MOST_BYTES = 256 * 2 ** 20;

/** What a list says about an evidence. */
export interface EvidenceEntry extends Pick<GateEvidence, 'decision' | 'policy'> {
  digest: Digest;
  /** When it came into the store. */
  at: Date;
}

/** The gate evidence of an artifact store, for reading only. */
export interface EvidenceShelf {
  /** A file of an evidence, as its manifest has it. @returns undefined when there is none, or it was altered */
  read(digest: string, file: typeof EVIDENCE_FILE | typeof EVIDENCE_PAGE): Promise<Buffer | undefined>;
  /** The newest evidence first. That of other releases, and what was altered, is left out. */
  newest(most: number): Promise<EvidenceEntry[]>;
}

/** What the list needs of evidence.json. */
const listedSchema = z.object({ policy: gateEvidence.shape.policy, decision: gateEvidence.shape.decision });

/** @param directory the store's, which other processes write to all the while */
export function openEvidenceShelf(directory: string): EvidenceShelf {
  const layout = storeLayout(directory);
  // Artifacts never change: what one is, is read once. What cannot be read may be made again under the same digest.
  const kinds = new Map<Digest, Manifest['kind']>();
  const listed = new Map<Digest, EvidenceEntry>();

  const manifestOf = async (digest: Digest): Promise<Manifest | undefined> => {
    const text = await readIfPresent(join(layout.artifact(digest), manifestFileName));
    return text === undefined ? undefined : parseManifest(text, digest);
  };

  const read: EvidenceShelf['read'] = async (digest, file) => {
    if (!isSha256(digest)) return undefined;
    const manifest = await manifestOf(digest);
    const expected = manifest?.files.find(({ path }) => path === file);
    if (manifest?.kind !== 'gate-evidence' || expected === undefined || expected.bytes > MOST_BYTES) return undefined;
    const content = await readFile(join(layout.artifact(digest), filesDirectoryName, file)).catch(() => undefined);
    return content && createHash('sha256').update(content).digest('hex') === expected.sha256 ? content : undefined;
  };

  const isEvidence = async (digest: Digest): Promise<boolean> => {
    const kind = kinds.get(digest) ?? (await manifestOf(digest))?.kind;
    if (kind !== undefined) kinds.set(digest, kind);
    return kind === 'gate-evidence';
  };

  const describe = async ({ digest, at }: { digest: Digest; at: Date }): Promise<EvidenceEntry | undefined> => {
    const known = listed.get(digest);
    if (known !== undefined) return known;
    const text = (await read(digest, EVIDENCE_FILE))?.toString('utf8') ?? '';
    const { data } = listedSchema.safeParse(parseJson(text));
    const entry = data && { digest, at, ...data };
    if (entry !== undefined) listed.set(digest, entry);
    return entry;
  };

  return {
    read,
    async newest(most) {
      const found: { digest: Digest; at: Date }[] = [];
      for (const digest of await artifactsIn(directory)) {
        if (!(await isEvidence(digest))) continue;
        const at = await stat(join(layout.artifact(digest), manifestFileName)).catch(() => undefined);
        if (at !== undefined) found.push({ digest, at: at.mtime });
      }
      found.sort((left, right) => right.at.getTime() - left.at.getTime() || left.digest.localeCompare(right.digest));
      const entries: EvidenceEntry[] = [];
      for (const each of found) {
        if (entries.length === most) break;
        const entry = await describe(each);
        if (entry !== undefined) entries.push(entry);
      }
      return entries;
    },
  };
}

/** Digests of everything that is in a store; none before its first artifact. */
async function artifactsIn(directory: string): Promise<Digest[]> {
  const folder = join(directory, 'artifacts');
  const shards = await readdir(folder).catch(() => []);
  const names = await Promise.all(shards.map((shard) => readdir(join(folder, shard)).catch(() => [])));
  return names.flat().filter(isSha256);
}
