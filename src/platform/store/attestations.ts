import { readdir } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import type { Digest } from '../../contracts/artifacts.js';
import { ifPresent, publishFile, readIfPresent, writeDurably } from '../durable-files.js';
import type { StoreLayout } from './layout.js';

/** A statement about an artifact, in whatever form its maker writes it: the store keeps texts. */
export interface AttestationFile {
  /** Names it among those of one artifact: an attempt's id, for what the attempt says. */
  name: string;
  text: string;
}

/** Statements about artifacts. They stay when the artifact goes: what was made of it is traced through them. */
export interface Attestations {
  /**
   * Keeps a statement. The one of its name that is there already stays.
   * @param scratch a directory of this attempt, on the store's file system
   */
  keep(options: AttestationFile & { digest: Digest; scratch: string }): Promise<void>;
  /** All about an artifact, by name. */
  list(digest: Digest): Promise<AttestationFile[]>;
}

const extension = '.json';

export function createAttestations(layout: StoreLayout): Attestations {
  return {
    async keep({ digest, name, text, scratch }) {
      const destination = layout.attestation(digest, name);
      const temporary = join(scratch, basename(destination));
      await writeDurably(temporary, text);
      await publishFile(temporary, destination);
    },
    async list(digest) {
      const directory = dirname(layout.attestation(digest, 'any'));
      const names = ((await ifPresent(() => readdir(directory))) ?? [])
        .filter((name) => name.endsWith(extension))
        .sort();
      const found = names.map(async (file) => ({
        name: decodeURIComponent(file.slice(0, -extension.length)),
        text: await readIfPresent(join(directory, file)),
      }));
      return (await Promise.all(found)).flatMap(({ name, text }) => (text === undefined ? [] : [{ name, text }]));
    },
  };
}
