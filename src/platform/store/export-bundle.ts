import { createHash } from 'node:crypto';
import { constants, copyFile, mkdir, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { execa } from 'execa';
import type { Digest } from '../../contracts/artifacts.js';
import { EnginesmithFailure } from '../../contracts/failures.js';
import { hasCode, ifPresent, synchronize } from '../durable-files.js';
import type { ArtifactFolders } from './artifact-folders.js';
import { type Bundle, bundleFileName, sealBundle } from './bundle-format.js';
import { listActions } from './inventory.js';
import { filesDirectoryName, manifestFileName, type StoreLayout, sharded } from './layout.js';
import type { Presence } from './presence.js';
import { createStagingFolder } from './staging.js';
import type { Verification } from './verification.js';

export interface ExportDependencies {
  /** Of the store. */
  directory: string;
  layout: StoreLayout;
  folders: ArtifactFolders;
  presence: Presence;
  verification: Verification;
}

/** A terabyte takes hours to copy; held so often, nothing of it is collected meanwhile. */
const holdEveryMs = 60_000;

/**
 * Writes artifacts, the actions that name them and how they were made to a directory, or to a tar file where the name ends in
 * `.tar`. The artifacts are verified first. What was not finished has another name.
 * @throws NotFound when an artifact is not there, or the destination is; ArtifactCorrupt naming the file
 */
export async function exportBundle(
  dependencies: ExportDependencies,
  { digests, to }: { digests: readonly Digest[]; to: string },
): Promise<Bundle> {
  const { layout, presence } = dependencies;
  const destination = resolve(to);
  if (await ifPresent(() => stat(destination))) {
    throw new EnginesmithFailure('NotFound', `${destination} exists already: name a new directory or tar file.`);
  }
  const unique = [...new Set(digests)];
  const holding = setInterval(() => void Promise.allSettled(unique.map(presence.hold)), holdEveryMs);
  const partial = `${destination}.partial`;
  const staging = await createStagingFolder(layout.staging);
  try {
    const { bundle, files } = await describeContents(dependencies, unique);
    const contents = `${JSON.stringify(bundle, null, 2)}\n`;
    await rm(partial, { recursive: true, force: true });
    await mkdir(dirname(destination), { recursive: true });
    if (destination.endsWith('.tar')) {
      await writeFile(join(staging.scratch, bundleFileName), contents);
      await writeTar(dependencies.directory, files, staging.scratch, partial);
    } else {
      for (const path of files) await copy(join(dependencies.directory, path), join(partial, path));
      await writeFile(join(partial, bundleFileName), contents);
    }
    await synchronize(partial);
    await rename(partial, destination);
    return bundle;
  } finally {
    clearInterval(holding);
    await rm(partial, { recursive: true, force: true });
    await staging.discard();
  }
}

/** What a bundle holds, and the paths of all its files in the store. */
async function describeContents(
  { directory, layout, folders, presence, verification }: ExportDependencies,
  digests: readonly Digest[],
): Promise<{ bundle: Bundle; files: string[] }> {
  const artifacts: Bundle['artifacts'] = [];
  const files: string[] = [];
  const actions = await listActions(layout);
  const notePaths: string[] = [];
  for (const digest of digests) {
    const described = (await presence.hold(digest)) ? await folders.describe(digest) : undefined;
    if (described === undefined)
      throw new EnginesmithFailure('NotFound', `The store has no artifact ${digest.slice(0, 12)}.`);
    const { manifest, reference } = described;
    await verification.verify({ digest, manifest, filesDirectory: folders.filesDirectory(digest) });
    artifacts.push({ digest, kind: reference.kind, bytes: reference.bytes });
    const folder = join('artifacts', ...sharded(digest));
    files.push(join(folder, manifestFileName));
    for (const { path } of manifest.files) files.push(join(folder, filesDirectoryName, path));
    for (const key of actions.get(digest) ?? []) notePaths.push(`${join('actions', ...sharded(key))}.json`);
    notePaths.push(...(await filesBelow(directory, join('records', digest))));
    notePaths.push(...(await filesBelow(directory, join('attestations', ...sharded(digest)))));
  }
  const notes: Bundle['notes'] = [];
  for (const path of notePaths) {
    notes.push({
      path,
      sha256: createHash('sha256')
        .update(await readFile(join(directory, path)))
        .digest('hex'),
    });
  }
  const schema = 'enginesmith/bundle/v1' as const;
  const bundle = sealBundle({ schema, exportedAt: new Date().toISOString(), artifacts, notes });
  return { bundle, files: [...files, ...notePaths] };
}

async function filesBelow(directory: string, folder: string): Promise<string[]> {
  const entries = await ifPresent(() => readdir(join(directory, folder), { recursive: true, withFileTypes: true }));
  return (entries ?? [])
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(directory.length + 1));
}

async function copy(from: string, to: string): Promise<void> {
  await mkdir(dirname(to), { recursive: true });
  await copyFile(from, to, constants.COPYFILE_FICLONE);
  await synchronize(to);
}

/** GNU tar reads the store as it lies: nothing is copied twice. */
async function writeTar(directory: string, files: readonly string[], scratch: string, to: string): Promise<void> {
  const list = join(scratch, 'files');
  await writeFile(list, files.map((path) => `${path}\0`).join(''));
  await runTar([
    ...['--create', '--file', to, '--owner=0', '--group=0', '--numeric-owner', '--directory', scratch, bundleFileName],
    ...['--directory', directory, '--null', '--verbatim-files-from', '--files-from', list],
  ]);
}

/** @throws EnginesmithFailure `PrerequisiteMissing` without tar; `InsufficientDisk` when the disk took no more */
export async function runTar(argv: readonly string[]): Promise<void> {
  const { failed, exitCode, stderr, cause } = await execa('tar', argv, { reject: false, env: { LC_ALL: 'C' } });
  if (!failed) return;
  if (hasCode(cause, 'ENOENT')) {
    throw new EnginesmithFailure(
      'PrerequisiteMissing',
      'Bundles in one file need tar, which is not installed here; use a directory.',
    );
  }
  const said = stderr.split('\n').slice(0, 3).join('\n');
  const isFull = /No space left|quota exceeded/i.test(stderr);
  throw new EnginesmithFailure(
    isFull ? 'InsufficientDisk' : 'ArtifactCorrupt',
    isFull ? `The disk took no more: ${said}` : `tar could not do it (exit code ${exitCode}): ${said}`,
  );
}
