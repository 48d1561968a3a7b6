import { createHash } from 'node:crypto';
import { chmod, cp, lstat, mkdir, readFile, rename, stat } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import type { Digest } from '../../contracts/artifacts.js';
import { EnginesmithFailure } from '../../contracts/failures.js';
import { ifPresent, publishFile, replaceFile, synchronize } from '../durable-files.js';
import type { Actions } from './actions.js';
import { type Bundle, bundleFileName, corruptBundle, readBundle } from './bundle-format.js';
import { type ExportDependencies, runTar } from './export-bundle.js';
import type { FileHasher } from './hash-files.js';
import { filesDirectoryName, manifestFileName, sharded } from './layout.js';
import { type ListedFile, listFiles } from './list-files.js';
import { parseManifest } from './manifest.js';
import type { Pins } from './pins.js';
import { createStagingFolder } from './staging.js';
import { requireSameSizes } from './verification.js';

export interface ImportDependencies extends ExportDependencies {
  actions: Pick<Actions, 'lookup'>;
  hasher: FileHasher;
  pins: Pins;
}

export interface ImportedBundle {
  bundle: Bundle;
  /** What the store did not have before. */
  added: Digest[];
}

/**
 * Takes a bundle in: it is copied next to the store, verified whole, and only then renamed into place. What is there already
 * stays, so that it may be done again. All of it is pinned: no run of this store may need it.
 * @param from a directory or a tar file
 * @throws NotFound when it is no bundle, ArtifactCorrupt naming the first thing that is not right
 */
export async function importBundle(dependencies: ImportDependencies, from: string): Promise<ImportedBundle> {
  const { directory, layout, folders, verification, pins } = dependencies;
  const source = resolve(from);
  const staging = await createStagingFolder(layout.staging);
  try {
    const copied = join(staging.scratch, 'bundle');
    await copyIn(source, copied);
    const bundle = await readBundle(copied);
    const sealed = new Map<Digest, { folder: string; files: ListedFile[] }>();
    for (const artifact of bundle.artifacts) {
      sealed.set(artifact.digest, await sealCopied(dependencies, { copied, scratch: staging.scratch, artifact }));
    }
    for (const note of bundle.notes) await checkNote(copied, note, sealed);

    const added: Digest[] = [];
    for (const [digest, { folder, files }] of sealed) {
      const { adopted } = await folders.place(digest, folder);
      // What is there already may be what an import has brought that was killed before this.
      if (!adopted || !(await pins.digests()).has(digest)) await pins.pin(digest, `imported from ${basename(source)}`);
      if (adopted) continue;
      added.push(digest);
      await verification.stamp(digest, files);
    }
    const isAction = ({ path }: { path: string }) => path.startsWith('actions/');
    // Entries last, as in a commit: a hit leads to a whole artifact with its record.
    for (const { path } of [...bundle.notes.filter((note) => !isAction(note)), ...bundle.notes.filter(isAction)]) {
      const isNew = await publishFile(join(copied, path), join(directory, path));
      const isStale = !isNew && isAction({ path }) && !(await dependencies.actions.lookup(basename(path, '.json')));
      if (isStale) await replaceFile(join(copied, path), join(directory, path));
    }
    return { bundle, added };
  } finally {
    await staging.discard();
  }
}

/** Copied first: what is verified must not change before it is taken in. */
async function copyIn(source: string, to: string): Promise<void> {
  const status = await ifPresent(() => stat(source));
  if (status === undefined) throw new EnginesmithFailure('NotFound', `${source} does not exist.`);
  if (status.isDirectory()) {
    const { artifacts, notes } = await readBundle(source);
    await mkdir(to);
    for (const { digest } of artifacts) await copyPart(source, to, join('artifacts', ...sharded(digest)));
    for (const { path } of notes) await copyPart(source, to, path);
    await cp(join(source, bundleFileName), join(to, bundleFileName));
    return;
  }
  await mkdir(to);
  // Names that lead out of the directory are refused by tar; links and devices by what verifies.
  await runTar(['--extract', '--file', source, '--directory', to, '--no-same-owner', '--no-same-permissions']);
}

async function copyPart(from: string, to: string, path: string): Promise<void> {
  await mkdir(dirname(join(to, path)), { recursive: true });
  const copied = await ifPresent(async () => [
    await cp(join(from, path), join(to, path), { recursive: true, verbatimSymlinks: true }),
  ]);
  if (copied === undefined) throw corruptBundle(path, 'it is missing');
}

/** Verifies an artifact of the copy, and leaves it as a commit would: read-only, flushed, and nothing beside its files. */
async function sealCopied(
  { hasher }: ImportDependencies,
  { copied, scratch, artifact }: { copied: string; scratch: string; artifact: Bundle['artifacts'][number] },
): Promise<{ folder: string; files: ListedFile[] }> {
  const { digest, kind } = artifact;
  const path = join('artifacts', ...sharded(digest));
  const from = join(copied, path);
  const manifestPath = join(from, manifestFileName);
  const text = await readRegular(manifestPath, join(path, manifestFileName));
  const manifest = parseManifest(text.toString('utf8'), digest);
  if (manifest === undefined || manifest.kind !== kind) {
    throw corruptBundle(join(path, manifestFileName), 'it is not what the digest names');
  }
  const filesDirectory = join(from, filesDirectoryName);
  if (!(await ifPresent(() => stat(filesDirectory)))) throw corruptBundle(path, 'its files are missing');
  const listing = await listFiles(filesDirectory);
  try {
    requireSameSizes(digest, manifest, listing);
  } catch (failure) {
    if (!(failure instanceof EnginesmithFailure)) throw failure;
    const { file, expected, found } = failure.context;
    throw corruptBundle(join(path, filesDirectoryName, `${file}`), `expected ${expected}, found ${found}`);
  }
  for (const file of listing.files) await chmod(join(filesDirectory, file.path), 0o444);
  const hashed = new Map(
    (await hasher.hash(filesDirectory, listing.files, { flush: true })).map((file) => [file.path, file.sha256]),
  );
  for (const file of manifest.files) {
    if (hashed.get(file.path) !== file.sha256) {
      throw corruptBundle(
        join(path, filesDirectoryName, file.path),
        `expected sha256 ${file.sha256}, found ${hashed.get(file.path)}`,
      );
    }
  }
  const folder = join(scratch, digest);
  await mkdir(folder);
  await rename(manifestPath, join(folder, manifestFileName));
  await rename(filesDirectory, join(folder, filesDirectoryName));
  await synchronize(join(folder, manifestFileName));
  for (const inner of [...listing.directories, '.']) await synchronize(join(folder, filesDirectoryName, inner));
  await synchronize(folder);
  return { folder, files: listing.files };
}

async function checkNote(
  copied: string,
  { path, sha256 }: Bundle['notes'][number],
  artifacts: ReadonlyMap<Digest, unknown>,
): Promise<void> {
  const content = await readRegular(join(copied, path), path);
  if (createHash('sha256').update(content).digest('hex') !== sha256) throw corruptBundle(path, 'it was altered');
  await chmod(join(copied, path), 0o444);
  await synchronize(join(copied, path));
  const named = path.startsWith('actions/')
    ? /"digest":\s*"([0-9a-f]{64})"/.exec(content.toString('utf8'))?.[1]
    : /[0-9a-f]{64}/.exec(path)?.[0];
  if (named === undefined || !artifacts.has(named))
    throw corruptBundle(path, 'it is about an artifact that is not in the bundle');
}

/** A link would lead to what is not in the bundle. */
async function readRegular(path: string, shown: string): Promise<Buffer> {
  const status = await ifPresent(() => lstat(path));
  if (!status?.isFile()) throw corruptBundle(shown, status === undefined ? 'it is missing' : 'it is no regular file');
  return readFile(path);
}
