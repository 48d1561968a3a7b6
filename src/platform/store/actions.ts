import { join } from 'node:path';
import pLimit from 'p-limit';
import * as z from 'zod';
import type { ActionKeyParts } from '../../contracts/action-key.js';
import type { ActionKey, ArtifactReference, Digest } from '../../contracts/artifacts.js';
import type { JsonObject } from '../../contracts/canonical-json.js';
import { publishFile, readIfPresent, replaceFile, writeDurably } from '../durable-files.js';
import { parseJson } from '../parse-json.js';
import type { ArtifactFolders } from './artifact-folders.js';
import { listActionKeys } from './inventory.js';
import { isSha256, type StoreLayout } from './layout.js';

const FILES_AT_ONCE = 32;

const digestSchema = z.string().refine(isSha256);

const componentsSchema: z.ZodType<ActionKeyParts> = z.object({
  step: z.string(),
  stepVersion: z.union([z.number(), z.string()]),
  toolchainIdentity: z.string().nullable(),
  parameters: z.custom<JsonObject>((value) => typeof value === 'object' && value !== null && !Array.isArray(value)),
  inputs: z.record(z.string(), digestSchema),
  gpuArchitecture: z.string().nullable(),
});

const actionSchema = z.object({
  digest: digestSchema,
  madeAt: z.iso.datetime().optional(),
  madeAs: z.string().optional(),
  components: componentsSchema.optional().catch(undefined),
  remake: z.string().optional(),
  superseded: z.array(z.object({ digest: digestSchema, until: z.iso.datetime() })).default([]),
});

/** What the store knows of an action. Entries that were made before 0.5 have neither a time nor components. */
type ActionEntry = z.infer<typeof actionSchema>;

type KnownAction = ActionEntry & { key: ActionKey };

export interface ActionFacts {
  /** Id of the step in the pipeline that makes it: steps of several ids may have one key. */
  madeAs?: string | undefined;
  /** What the key is the digest of: it says later which of them differs. */
  components?: ActionKeyParts | undefined;
  /** Made anew on request: what the key named before gives way, unless it was made for the same request. */
  remake?: string | undefined;
}

/** Which artifact an action made: the entries that turn a key into a hit. */
export interface Actions {
  /**
   * @param remake what was made before this request, or for another one, does not count. @default all counts
   * @returns undefined when nothing was made for the key, or what was made is no longer there or in quarantine
   */
  lookup(key: ActionKey, remake?: string): Promise<ArtifactReference | undefined>;
  /** The entry itself, whether or not its artifact can still be used. */
  read(key: ActionKey): Promise<ActionEntry | undefined>;
  /** Every entry. Reads as many small files. */
  list(): Promise<KnownAction[]>;
  /**
   * Records that `key` made an artifact. The first entry of a key stays as long as its artifact can be used: what was
   * built on it keeps hitting. Only a remake takes its place, and names what it superseded.
   * @param scratch a directory of this attempt, on the store's file system
   * @returns the artifact that the key names now
   */
  record(
    options: ActionFacts & { key: ActionKey; reference: ArtifactReference; scratch: string },
  ): Promise<ArtifactReference>;
}

export function createActions({ layout, folders }: { layout: StoreLayout; folders: ArtifactFolders }): Actions {
  const read: Actions['read'] = async (key) => {
    const text = await readIfPresent(layout.action(key));
    return text === undefined ? undefined : actionSchema.safeParse(parseJson(text)).data;
  };

  const lookup: Actions['lookup'] = async (key, remake) => {
    const entry = await read(key);
    if (entry === undefined || (remake !== undefined && entry.remake !== remake)) return undefined;
    return (await folders.describe(entry.digest))?.reference;
  };

  return {
    lookup,
    read,
    async list() {
      const keys = await listActionKeys(layout);
      const limit = pLimit(FILES_AT_ONCE);
      const entries = await Promise.all(keys.map((key) => limit(async () => ({ key, entry: await read(key) }))));
      return entries.flatMap(({ key, entry }) => (entry === undefined ? [] : [{ ...entry, key }]));
    },
    async record({ key, reference, scratch, madeAs, components, remake }) {
      const schema = 'enginesmith/action-entry/v1';
      const madeAt = new Date().toISOString();
      const entry = { schema, key, digest: reference.digest, madeAt, madeAs, components, remake };
      const [first, later] = [join(scratch, 'action.json'), join(scratch, 'later-action.json')];
      await writeDurably(first, `${JSON.stringify(entry)}\n`);
      if (await publishFile(first, layout.action(key))) return reference;
      const kept = await lookup(key, remake);
      if (kept !== undefined) return kept;
      const superseded = supersede(await read(key), entry);
      await writeDurably(later, `${JSON.stringify({ ...entry, superseded })}\n`);
      await replaceFile(later, layout.action(key));
      return reference;
    },
  };
}

/** What a key named before, the latest last. The same content supersedes nothing. */
function supersede(
  earlier: ActionEntry | undefined,
  { digest, madeAt }: { digest: Digest; madeAt: string },
): ActionEntry['superseded'] {
  if (earlier === undefined || earlier.digest === digest) return earlier?.superseded ?? [];
  return [...earlier.superseded, { digest: earlier.digest, until: madeAt }];
}
