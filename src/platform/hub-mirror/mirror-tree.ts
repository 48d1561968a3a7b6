import { createHash } from 'node:crypto';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import * as z from 'zod';
import { EnginesmithFailure } from '../../contracts/failures.js';
import { ifPresent } from '../durable-files.js';
import type { RepositoryKind } from '../hub/hub-file.js';
import { readRecord } from '../json-record.js';
import { type ListedFile, listFiles } from '../store/list-files.js';
import type { DigestCache, FileIdentity } from './digest-cache.js';

export interface MirrorFile extends ListedFile {
  identity: FileIdentity;
}

/** A repository at one revision: what its directory held when it was read. */
export interface Snapshot {
  /** Absolute. */
  directory: string;
  /** 40 hex digits over the paths and ids of all files: the same content is the same commit, everywhere. */
  commit: string;
  files: ReadonlyMap<string, MirrorFile>;
}

export interface MirrorRepository {
  kind: RepositoryKind;
  organization: string;
  name: string;
}

/** Answers from what lies on disk now. Names from requests are looked up in listings and never joined to paths. */
export interface MirrorTree {
  /** @returns undefined when there is no such repository */
  isGated(repository: MirrorRepository): Promise<boolean | undefined>;
  /**
   * What is there now. @param revision the name of a revision, or the commit of one
   * @returns undefined when there is none
   */
  snapshot(repository: MirrorRepository, revision: string): Promise<Snapshot | undefined>;
  /**
   * The snapshot of a commit as it was last read: nothing is listed again for each file that is fetched from it.
   * @returns undefined, too, for what is no commit: `../..` would lead into another repository, which may be gated
   */
  remembered(repository: MirrorRepository, commit: string): Snapshot | undefined;
  /** Every revision that is there, and its commit. */
  revisions(repository: MirrorRepository): Promise<{ name: string; commit: string }[]>;
  /** Reads, and so hashes, everything once. */
  warm(): Promise<void>;
}

const kindDirectories = { model: 'models', dataset: 'datasets' } as const satisfies Record<RepositoryKind, string>;
const settingsSchema = z.strictObject({ gated: z.boolean().default(false) });
const SETTINGS_FILE = 'hub.json';
/** What git and huggingface-cli leave in a directory that they filled. */
const FOREIGN = /^\.(git|cache)\//;
const COMMIT = /^[0-9a-f]{40}$/;

export function createMirrorTree(directory: string, digests: DigestCache): MirrorTree {
  const byCommit = new Map<string, Snapshot>();
  const pathOf = ({ kind, organization, name }: MirrorRepository): string =>
    join(kindDirectories[kind], organization, name);

  const listDirectories = async (path: string): Promise<string[]> => {
    const entries = (await ifPresent(() => readdir(join(directory, path), { withFileTypes: true }))) ?? [];
    return entries.filter((entry) => entry.isDirectory() && !entry.name.startsWith('.')).map(({ name }) => name);
  };
  const exists = async ({ kind, organization, name }: MirrorRepository): Promise<boolean> =>
    (await listDirectories(kindDirectories[kind])).includes(organization) &&
    (await listDirectories(join(kindDirectories[kind], organization))).includes(name);

  /** A revision such as `refs/pr/1` lies in one directory, with its slashes as `%2F`: deeper ones would be files of `refs`. */
  const listRevisions = async (repositoryPath: string): Promise<Map<string, string>> => {
    const names = await listDirectories(repositoryPath);
    return new Map(names.map((name) => [name.replaceAll(/%2F/gi, '/'), join(repositoryPath, name)]));
  };

  const read = async (repositoryPath: string, root: string): Promise<Snapshot> => {
    const { files, irregular } = await listFiles(join(directory, root));
    refuseLinks(root, irregular);
    const own = files.filter(({ path }) => !FOREIGN.test(path));
    const identities = await digests.identify(root, own);
    const identified = own.flatMap((file) => {
      const identity = identities.get(file.path);
      return identity === undefined ? [] : [[file.path, { ...file, identity }] as const];
    });
    const snapshot = { directory: join(directory, root), commit: commitOf(identified), files: new Map(identified) };
    for (const [key, { directory: earlier }] of byCommit) if (earlier === snapshot.directory) byCommit.delete(key);
    byCommit.set(join(repositoryPath, snapshot.commit), snapshot);
    return snapshot;
  };

  return {
    async isGated(repository) {
      if (!(await exists(repository))) return undefined;
      const settings = await readRecord(join(directory, pathOf(repository), SETTINGS_FILE), settingsSchema);
      return settings?.gated ?? false;
    },
    async snapshot(repository, revision) {
      const repositoryPath = pathOf(repository);
      const revisions = await listRevisions(repositoryPath);
      const named = revisions.get(revision);
      if (named !== undefined) return read(repositoryPath, named);
      for (const root of revisions.values()) {
        const snapshot = await read(repositoryPath, root);
        if (snapshot.commit === revision) return snapshot;
      }
      return undefined;
    },
    async revisions(repository) {
      const found: { name: string; commit: string }[] = [];
      for (const [name, root] of await listRevisions(pathOf(repository))) {
        found.push({ name, commit: (await read(pathOf(repository), root)).commit });
      }
      return found;
    },
    remembered: (repository, commit) =>
      COMMIT.test(commit) ? byCommit.get(join(pathOf(repository), commit)) : undefined,
    async warm() {
      for (const kind of Object.values(kindDirectories)) {
        for (const organization of await listDirectories(kind)) {
          for (const name of await listDirectories(join(kind, organization))) {
            const repositoryPath = join(kind, organization, name);
            for (const root of (await listRevisions(repositoryPath)).values()) await read(repositoryPath, root);
          }
        }
      }
    },
  };
}

function commitOf(files: readonly (readonly [string, MirrorFile])[]): string {
  const hash = createHash('sha1');
  for (const [path, { identity }] of files) hash.update(`${path}\0${identity.gitOid}\n`);
  return hash.digest('hex');
}

function refuseLinks(root: string, irregular: readonly string[]): void {
  const first = irregular.find((path) => !FOREIGN.test(path));
  if (first === undefined) return;
  throw new EnginesmithFailure(
    'PrerequisiteMissing',
    `${join(root, first)} is a link or a special file; a mirror serves regular files only. Copy the directory with cp -rL.`,
    { context: { file: join(root, first) } },
  );
}
