import { randomUUID } from 'node:crypto';
import { mkdir, rename, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import pLimit from 'p-limit';
import * as z from 'zod';
import type { ActionKey, ArtifactReference, Digest, Manifest, ManifestFile } from '../../../contracts/artifacts.js';
import { EnginesmithFailure } from '../../../contracts/failures.js';
import { ifPresent } from '../../durable-files.js';
import { parseJson } from '../../parse-json.js';
import type { Actions } from '../actions.js';
import type { ArtifactDescription } from '../artifact-folders.js';
import type { AttestationFile } from '../attestations.js';
import { isSha256 } from '../layout.js';
import { parseManifest, referenceOf } from '../manifest.js';
import type { RemoteObjects } from './s3-objects.js';

/** The artifacts and actions in a bucket. An artifact can be seen once its manifest is there, which comes after its files. */
export interface RemoteTier {
  /** @returns undefined when there is none, or it is not whole */
  describe(digest: Digest): Promise<ArtifactDescription | undefined>;
  /** What a key names for all hosts; see `Actions`. */
  lookup: Actions['lookup'];
  readAction: Actions['read'];
  /**
   * Uploads an artifact and names it by a key. Objects that are there are not sent again, so an upload that broke off goes on.
   * @returns what the key names from now on: the first one to be named stays, unless it is made anew on request
   */
  publish(artifact: {
    key: ActionKey;
    remake: string | undefined;
    digest: Digest;
    manifest: Manifest;
    filesDirectory: string;
    attestations: readonly AttestationFile[];
  }): Promise<ArtifactReference>;
  /**
   * Downloads the files of an artifact into `<directory>/files`; those that an earlier call has brought there stay.
   * @returns those that were verified while they arrived
   * @throws ArtifactCorrupt naming a file that is not what the manifest says, fetched anew; nobody finds the artifact any more
   */
  fetch(description: ArtifactDescription, directory: string): Promise<ManifestFile[]>;
  attest(digest: Digest, statement: AttestationFile): Promise<void>;
  attestations(digest: Digest): Promise<AttestationFile[]>;
  close(): void;
}

/** Files at a time; each large one has its parts under way at once. */
const FILES_AT_ONCE = 4;

const entrySchema = z.object({
  digest: z.string().refine(isSha256),
  /** Absent in entries of releases before 0.6.1. */
  madeAt: z.iso.datetime().optional(),
  remake: z.string().optional(),
});

const names = {
  manifest: (digest: Digest) => `artifacts/${digest}/manifest.json`,
  file: (digest: Digest, path: string) => `artifacts/${digest}/files/${path}`,
  action: (key: ActionKey) => `actions/${key}.json`,
  attestations: (digest: Digest) => `attestations/${digest}/`,
};

export function createRemoteTier(objects: RemoteObjects): RemoteTier {
  const describe: RemoteTier['describe'] = async (digest) => {
    const manifest = parseManifest((await objects.read(names.manifest(digest))) ?? '', digest);
    return manifest && { manifest, reference: referenceOf(manifest, digest) };
  };

  const readEntry = async (key: ActionKey) =>
    entrySchema.safeParse(parseJson((await objects.read(names.action(key))) ?? '')).data;

  const lookup: RemoteTier['lookup'] = async (key, remake) => {
    const entry = await readEntry(key);
    if (entry === undefined || (remake !== undefined && entry.remake !== remake)) return undefined;
    return (await describe(entry.digest))?.reference;
  };

  const attest: RemoteTier['attest'] = async (digest, { name, text }) => {
    await objects.create(`${names.attestations(digest)}${encodeURIComponent(name)}.json`, text);
  };

  const fetchFile = async (
    digest: Digest,
    file: ManifestFile,
    directory: string,
  ): Promise<ManifestFile | undefined> => {
    const { path, bytes, sha256 } = file;
    const destination = join(directory, 'files', path);
    if ((await ifPresent(() => stat(destination)))?.size === bytes) return undefined;
    await mkdir(dirname(destination), { recursive: true });
    await mkdir(join(directory, 'partial'), { recursive: true });
    const partial = join(directory, 'partial', randomUUID());
    try {
      for (const isLast of [false, true]) {
        const found = await objects.download(names.file(digest, path), partial, bytes);
        if (found === sha256) break;
        if (isLast) throw await disown(digest, path, found);
      }
      await rename(partial, destination);
      return file;
    } finally {
      await rm(partial, { force: true });
    }
  };

  /** Takes a damaged artifact out of sight, and the damaged file with it: whoever makes it again uploads it anew. */
  const disown = async (digest: Digest, path: string, found: string): Promise<EnginesmithFailure> => {
    await objects.remove(names.manifest(digest));
    await objects.remove(names.file(digest, path));
    return new EnginesmithFailure(
      'ArtifactCorrupt',
      `artifact ${digest.slice(0, 12)} is corrupt in the remote store: "${path}" hashes to ${found.slice(0, 12)}. It is not found there any more; run the pipeline again to make it anew`,
      { context: { digest, file: path, found } },
    );
  };

  return {
    describe,
    lookup,
    async readAction(key) {
      const entry = await readEntry(key);
      return entry && { ...entry, superseded: [] };
    },
    attest,
    async publish({ key, remake, digest, manifest, filesDirectory, attestations }) {
      const limit = pLimit(FILES_AT_ONCE);
      try {
        await Promise.all(
          manifest.files.map((file) =>
            limit(() => objects.upload(names.file(digest, file.path), join(filesDirectory, file.path), file)),
          ),
        );
      } finally {
        limit.clearQueue();
      }
      await objects.write(names.manifest(digest), JSON.stringify(manifest));
      for (const attestation of attestations) await attest(digest, attestation);
      const madeAt = new Date().toISOString();
      const entry = `${JSON.stringify({ schema: 'enginesmith/action-entry/v1', key, digest, madeAt, remake })}\n`;
      if (!(await objects.create(names.action(key), entry))) {
        const first = await lookup(key, remake);
        if (first !== undefined) return first;
        await objects.write(names.action(key), entry);
      }
      return referenceOf(manifest, digest);
    },
    async fetch({ manifest, reference }, directory) {
      const limit = pLimit(FILES_AT_ONCE);
      try {
        const fetched = await Promise.all(
          manifest.files.map((file) => limit(() => fetchFile(reference.digest, file, directory))),
        );
        return fetched.flatMap((file) => file ?? []);
      } finally {
        limit.clearQueue();
      }
    },
    async attestations(digest) {
      const listed = await objects.list(names.attestations(digest));
      const found = listed.map(async (name) => ({
        name: decodeURIComponent(name.slice(names.attestations(digest).length, -'.json'.length)),
        text: await objects.read(name),
      }));
      return (await Promise.all(found)).flatMap(({ name, text }) => (text === undefined ? [] : [{ name, text }]));
    },
    close: objects.close,
  };
}
