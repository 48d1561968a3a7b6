import { createHash } from 'node:crypto';
import type { AnnouncedDigest, HubFile } from './hub-file.js';

/** Digests of a file's bytes, taken in order: the one that the Hub announced, and the sha256 that artifacts go by. */
export interface ContentHash {
  update(chunk: Uint8Array): void;
  /** May be called once, after the last byte. */
  finish(): { announced: AnnouncedDigest; sha256: string };
}

/** git names a blob by the sha1 over a head with its length and its bytes. */
export const gitBlobHead = (bytes: number): string => `blob ${bytes}\0`;

export function createContentHash({ bytes, digest: { algorithm } }: Pick<HubFile, 'bytes' | 'digest'>): ContentHash {
  const sha256 = createHash('sha256');
  const sha1 = algorithm === 'git-sha1' ? createHash('sha1').update(gitBlobHead(bytes)) : undefined;
  return {
    update(chunk) {
      sha256.update(chunk);
      sha1?.update(chunk);
    },
    finish() {
      const hex = sha256.digest('hex');
      return { announced: { algorithm, hex: sha1?.digest('hex') ?? hex }, sha256: hex };
    },
  };
}
