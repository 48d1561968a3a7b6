import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import pLimit from 'p-limit';
import * as z from 'zod';
import type { ActionKey, ArtifactKind, Digest } from '../../contracts/artifacts.js';
import { ifPresent, readIfPresent } from '../durable-files.js';
import { parseJson } from '../parse-json.js';
import type { ArtifactFolders } from './artifact-folders.js';
import { isSha256, type StoreLayout } from './layout.js';
import type { Presence } from './presence.js';

/** An artifact as a list shows it. */
export interface StoredArtifact {
  digest: Digest;
  kind: ArtifactKind;
  bytes: number;
  /** When it was last held, or made. */
  usedAtMs: number;
}

/** How one attempt made it. Records of other releases may lack what was added since. */
export interface StoredRecord {
  attemptId: string;
  step: string;
  key: ActionKey | null;
  argv: string[][];
  startedAt: string;
  endedAt: string;
  host: string;
  toolchain: string | null;
  /** What was fetched, or what was built: as the attempt named it. */
  model: string | null;
  /** Absolute; null when the log is not kept. */
  log: string | null;
}

const recordSchema = z.object({
  attemptId: z.string(),
  step: z.string(),
  key: z.string().nullable().default(null),
  argv: z.array(z.array(z.string())).default([]),
  startedAt: z.string(),
  endedAt: z.string(),
  host: z.string(),
  toolchain: z.string().nullable().default(null),
  model: z.string().nullable().default(null),
  log: z.string().nullable().default(null),
});

/** Bounded, so that a network file system is asked for many files at once, and not for all of them. */
const atOnce = 32;

/** Every artifact of a store, in no order. Those that are being removed, or whose manifest is damaged, are left out. */
export async function listArtifacts(
  layout: StoreLayout,
  { folders, presence }: { folders: Pick<ArtifactFolders, 'peek'>; presence: Presence },
): Promise<StoredArtifact[]> {
  const limit = pLimit(atOnce);
  const describe = async (digest: Digest): Promise<StoredArtifact | undefined> => {
    const reference = (await folders.peek(digest))?.reference;
    const usedAtMs = await presence.usedAtMs(digest);
    return reference === undefined || usedAtMs === undefined ? undefined : { ...reference, usedAtMs };
  };
  const found = (await listDigests(layout)).map((digest) => limit(() => describe(digest)));
  return (await Promise.all(found)).filter((artifact) => artifact !== undefined);
}

/** Names of all that lies where artifacts do. */
export async function listDigests(layout: StoreLayout): Promise<Digest[]> {
  return (await shardedNames(layout.artifacts)).filter(isSha256);
}

/** Keys of all actions that have an entry. */
export async function listActionKeys(layout: StoreLayout): Promise<ActionKey[]> {
  return (await shardedNames(layout.actions)).map((name) => name.replace(/\.json$/, '')).filter(isSha256);
}

/** Which actions name which artifact; by digest. */
export async function listActions(layout: StoreLayout): Promise<Map<Digest, ActionKey[]>> {
  const limit = pLimit(atOnce);
  const keys = await listActionKeys(layout);
  const actions = new Map<Digest, ActionKey[]>();
  const read = async (key: ActionKey): Promise<void> => {
    const digest = await readActionEntry(layout, key);
    if (digest !== undefined) actions.set(digest, [...(actions.get(digest) ?? []), key]);
  };
  await Promise.all(keys.map((key) => limit(() => read(key))));
  return actions;
}

const actionSchema = z.object({ digest: z.string().refine(isSha256) });

/** The digest that an action's entry names, whether or not such an artifact is there. */
export async function readActionEntry(layout: StoreLayout, key: ActionKey): Promise<Digest | undefined> {
  const text = await readIfPresent(layout.action(key));
  return text === undefined ? undefined : actionSchema.safeParse(parseJson(text)).data?.digest;
}

/** Records of the attempts that made an artifact, the latest first. */
export async function listRecords(layout: StoreLayout, digest: Digest): Promise<StoredRecord[]> {
  const folder = join(layout.records, digest);
  const read = async (name: string): Promise<StoredRecord | undefined> => {
    const text = await readIfPresent(join(folder, name, 'record.json'));
    const record = text === undefined ? undefined : recordSchema.safeParse(parseJson(text)).data;
    if (record === undefined) return undefined;
    const log = record.log === null ? null : join(folder, name, record.log);
    return { ...record, log: log !== null && (await ifPresent(() => stat(log))) ? log : null };
  };
  const records = await Promise.all((await namesIn(folder)).map(read));
  return records
    .filter((record) => record !== undefined)
    .sort((left, right) => right.endedAt.localeCompare(left.endedAt));
}

async function shardedNames(folder: string): Promise<string[]> {
  const limit = pLimit(atOnce);
  const shards = await namesIn(folder);
  return (await Promise.all(shards.map((shard) => limit(() => namesIn(join(folder, shard)))))).flat();
}

const namesIn = async (folder: string): Promise<string[]> => (await ifPresent(() => readdir(folder))) ?? [];
