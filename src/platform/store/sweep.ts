import { readdir, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import pLimit from 'p-limit';
import type { ActionKey, Digest } from '../../contracts/artifacts.js';
import { ifPresent, publishFile } from '../durable-files.js';
import { removeLogsBefore } from '../logs/attempt-logs.js';
import { newestChangeMs } from '../newest-change.js';
import type { Claims } from './claims.js';
import { listActions, listDigests, readActionEntry } from './inventory.js';
import { isSha256, type StoreLayout } from './layout.js';
import { createStagingFolder, sweepStagingFolders } from './staging.js';
import { newStagingName } from './staging-owner.js';

const dayMs = 24 * 60 * 60 * 1000;

/** Long enough to look for the disk that damaged it. */
const quarantinedForMs = 30 * dayMs;
/** How an artifact was made, and what its key was of, is worth some kilobytes for as long as somebody may ask; its log is not. */
const defaultRecordsKeptMs = 90 * dayMs;
/** Of runs of which nothing was written since; the record of an attempt keeps the log of what it made for as long as that is there. */
const runLogsKeptMs = 30 * dayMs;
/** No pipeline waits that long between two attempts at a download. */
const partialsKeptMs = 7 * dayMs;
const claimTtlMs = 10 * 60_000;

/** What was removed beside artifacts, counted. */
export interface Swept {
  actions: number;
  logs: number;
  records: number;
  quarantined: number;
  staging: number;
  stamps: number;
  partialDownloads: number;
  /** Runs whose logs were removed. */
  runLogs: number;
}

export interface SweepOptions {
  layout: StoreLayout;
  claims: Claims;
  /** Of this host. */
  verifiedDirectory: string;
  /** Of this host: a folder an action. */
  downloadsDirectory: string;
  /** Logs of runs, in the store. */
  logsDirectory: string;
  /** Nothing that changed this recently is touched: its artifact may be about to appear. */
  graceMs: number;
  /** How long records and actions of artifacts that are gone are kept. @default 90 days */
  recordsKeptMs?: number | undefined;
}

/** Removes what belongs to artifacts that are gone, and what attempts that are gone have left. */
export async function sweepStore(options: SweepOptions): Promise<Swept> {
  const { layout } = options;
  const present = new Set(await listDigests(layout));
  return {
    actions: await sweepActions(options, present),
    ...(await sweepRecords(options, present)),
    quarantined: await sweepQuarantine(layout),
    staging: (await sweepStagingFolders(layout.staging)).length,
    stamps: await sweepStamps(options, present),
    partialDownloads: await sweepDownloads(options, present),
    runLogs: (await removeLogsBefore(options.logsDirectory, new Date(Date.now() - runLogsKeptMs))).length,
  };
}

/** An entry is moved away before it is looked at: one that a commit wrote just now goes back. */
async function sweepActions(
  { layout, recordsKeptMs = defaultRecordsKeptMs }: SweepOptions,
  present: ReadonlySet<Digest>,
): Promise<number> {
  const stale = [...(await listActions(layout))].flatMap(([digest, keys]) => (present.has(digest) ? [] : keys));
  if (stale.length === 0) return 0;
  const folder = await createStagingFolder(layout.staging);
  let swept = 0;
  try {
    for (const key of stale) {
      if (!(await isOlderThan(layout.action(key), recordsKeptMs))) continue;
      const digest = await readActionEntry(layout, key);
      if (digest === undefined || present.has(digest)) continue;
      const aside = join(folder.scratch, `${key}.json`);
      await ifPresent(() => rename(layout.action(key), aside));
      if (await isOlderThan(aside, recordsKeptMs)) swept += 1;
      else await ifPresent(() => publishFile(aside, layout.action(key)));
    }
  } finally {
    await folder.discard();
  }
  return swept;
}

async function sweepRecords(
  { layout, graceMs, recordsKeptMs = defaultRecordsKeptMs }: SweepOptions,
  present: ReadonlySet<Digest>,
): Promise<Pick<Swept, 'logs' | 'records'>> {
  const limit = pLimit(16);
  const swept = { logs: 0, records: 0 };
  const sweep = async (digest: Digest): Promise<void> => {
    for (const attempt of await namesIn(join(layout.records, digest))) {
      const folder = join(layout.records, digest, attempt);
      if (await isOlderThan(folder, recordsKeptMs)) {
        await rm(folder, { recursive: true, force: true });
        swept.records += 1;
      } else if (await isOlderThan(folder, graceMs)) {
        // Its own time would say that the record is new; what is removed is not removed twice.
        for (const name of (await namesIn(folder)).filter((each) => each.endsWith('.log'))) {
          await rm(join(folder, name), { force: true });
          swept.logs += 1;
        }
      }
    }
  };
  const digests = (await namesIn(layout.records)).filter((digest) => !present.has(digest));
  await Promise.all(digests.map((digest) => limit(() => sweep(digest))));
  return swept;
}

async function sweepQuarantine(layout: StoreLayout): Promise<number> {
  let swept = 0;
  for (const name of await namesIn(layout.quarantined)) {
    const path = join(layout.quarantined, name);
    // The change time: a move changes no other time.
    const changedAt = (await ifPresent(() => stat(path)))?.ctimeMs;
    if (changedAt === undefined || Date.now() - changedAt < quarantinedForMs) continue;
    await rm(path, { recursive: true, force: true });
    swept += 1;
  }
  return swept;
}

async function sweepStamps(
  { verifiedDirectory, graceMs }: SweepOptions,
  present: ReadonlySet<Digest>,
): Promise<number> {
  let swept = 0;
  for (const name of await namesIn(verifiedDirectory)) {
    const path = join(verifiedDirectory, name);
    if (present.has(name.replace(/\.json$/, '')) || !(await isOlderThan(path, graceMs))) continue;
    await rm(path, { force: true });
    swept += 1;
  }
  return swept;
}

/** Partial downloads of what is there by now, or that nobody has taken up for a week. */
async function sweepDownloads(
  { layout, claims, downloadsDirectory }: SweepOptions,
  present: ReadonlySet<Digest>,
): Promise<number> {
  // A download that went on after the action was made makes it anew, for a pipeline that was resumed.
  const isMade = async (key: ActionKey): Promise<boolean> => {
    const digest = await readActionEntry(layout, key);
    const madeAtMs = (await ifPresent(() => stat(layout.action(key))))?.mtimeMs ?? 0;
    return (
      digest !== undefined && present.has(digest) && (await newestChangeMs(join(downloadsDirectory, key))) <= madeAtMs
    );
  };
  let swept = 0;
  for (const key of (await namesIn(downloadsDirectory)).filter(isSha256)) {
    const path = join(downloadsDirectory, key);
    if (!(await isMade(key)) && !(await isOlderThan(path, partialsKeptMs))) continue;
    // A worker that downloads has the claim.
    const claim = await claims.claim({ key, owner: newStagingName(), ttlMs: claimTtlMs });
    if ('heldBy' in claim) continue;
    await rm(path, { recursive: true, force: true });
    await claim.retire();
    swept += 1;
  }
  return swept;
}

async function isOlderThan(path: string, ageMs: number): Promise<boolean> {
  const status = await ifPresent(() => stat(path));
  return status !== undefined && Date.now() - status.mtimeMs > ageMs;
}

const namesIn = async (folder: string): Promise<string[]> => (await ifPresent(() => readdir(folder))) ?? [];
