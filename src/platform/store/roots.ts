import { readdir, rm, rmdir, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import pLimit from 'p-limit';
import * as z from 'zod';
import type { ActionKey, Digest } from '../../contracts/artifacts.js';
import { hasCode, ifPresent, readIfPresent, replaceFile, writeDurably } from '../durable-files.js';
import { parseJson } from '../parse-json.js';
import { isSha256, type StoreLayout } from './layout.js';

/** What a run needs, and whose run it is. */
export interface Root {
  runId: string;
  /** The action whose artifact it is; null for what was given to the run: a start, pinned evaluations. */
  key: ActionKey | null;
  digest: Digest;
  /** A run that was reset goes on under another run id; its workflow id stays. */
  workflowId?: string | undefined;
  /** Temporal's, in which the run can be asked for. */
  namespace?: string | undefined;
  /** Name of the spec, so that the last runs of each can be kept. */
  name?: string | undefined;
}

/** One run's roots, as they lie in the store. */
export interface RecordedRun {
  runId: string;
  /** Null in roots of earlier releases. */
  workflowId: string | null;
  namespace: string | null;
  name: string | null;
  /** When the last root was recorded. */
  recordedAtMs: number;
  needs: { file: string; digest: Digest; key: ActionKey | null }[];
}

const rootSchema = z.object({
  key: z.string().refine(isSha256).nullable(),
  digest: z.string().refine(isSha256),
  workflowId: z.string().optional(),
  namespace: z.string().optional(),
  name: z.string().optional(),
});

/** @param scratch a directory of this process, on the store's file system */
export async function writeRoot(layout: StoreLayout, root: Root, scratch: string): Promise<void> {
  const entry = join(scratch, 'root.json');
  await writeDurably(entry, `${JSON.stringify({ schema: 'enginesmith/root/v1', ...root })}\n`);
  await replaceFile(entry, layout.root(root.runId, root.key, root.digest));
}

/** Every run that has recorded roots, the newest first. */
export async function listRuns(layout: StoreLayout): Promise<RecordedRun[]> {
  const limit = pLimit(16);
  const folders = await namesIn(layout.roots);
  const runs = await Promise.all(folders.map((folder) => limit(() => readRun(join(layout.roots, folder)))));
  return runs.filter((run) => run !== undefined).sort((left, right) => right.recordedAtMs - left.recordedAtMs);
}

async function readRun(folder: string): Promise<RecordedRun | undefined> {
  const status = await ifPresent(() => stat(folder));
  const files = await namesIn(folder);
  const [first] = files;
  if (status === undefined || first === undefined) return undefined;
  const { workflowId = null, namespace = null, name = null } = (await readRoot(join(folder, first))) ?? {};
  const needs = await Promise.all(files.map((file) => needOf(folder, file)));
  return {
    runId: decodeURIComponent(basename(folder)),
    workflowId,
    namespace,
    name,
    recordedAtMs: status.mtimeMs,
    needs: needs.filter((need) => need !== undefined),
  };
}

async function needOf(folder: string, file: string): Promise<RecordedRun['needs'][number] | undefined> {
  const path = join(folder, file);
  const [, key, digest] = /^([0-9a-f]{64})-([0-9a-f]{64})\.json$/.exec(file) ?? [];
  if (key !== undefined && digest !== undefined) return { file: path, digest, key: key === digest ? null : key };
  // Earlier releases named the key only.
  const root = await readRoot(path);
  return root && { file: path, digest: root.digest, key: root.key };
}

/** Digests of roots that are not among `known` files: what has come to be needed since they were listed. */
export async function rootsSince(layout: StoreLayout, known: ReadonlySet<string>): Promise<Set<Digest>> {
  const limit = pLimit(16);
  const needed = new Set<Digest>();
  const look = async (folder: string): Promise<void> => {
    for (const file of await namesIn(folder)) {
      if (known.has(join(folder, file))) continue;
      const need = await needOf(folder, file);
      if (need !== undefined) needed.add(need.digest);
    }
  };
  await Promise.all((await namesIn(layout.roots)).map((run) => limit(() => look(join(layout.roots, run)))));
  return needed;
}

/** Forgets what a run needed. Roots that it has recorded since it was listed stay. */
export async function removeRun({ needs }: RecordedRun): Promise<void> {
  const [first] = needs;
  if (first === undefined) return;
  for (const { file } of needs) await rm(file, { force: true });
  try {
    await rmdir(dirname(first.file));
  } catch (error) {
    if (!hasCode(error, 'ENOTEMPTY', 'ENOENT')) throw error;
  }
}

async function readRoot(path: string) {
  const text = await readIfPresent(path);
  return text === undefined ? undefined : rootSchema.safeParse(parseJson(text)).data;
}

const namesIn = async (folder: string): Promise<string[]> => (await ifPresent(() => readdir(folder))) ?? [];
