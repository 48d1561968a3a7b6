import { createHash } from 'node:crypto';
import { closeSync, constants, fsyncSync, openSync, readSync } from 'node:fs';

export interface HashFileTask {
  absolutePath: string;
  /** Flush the file as well: it is about to be committed. */
  flush: boolean;
}

export interface HashedFile {
  bytes: number;
  sha256: string;
}

// One buffer a thread, reused: allocating for every read costs more than hashing.
const buffer = Buffer.allocUnsafe(4 * 1024 * 1024);

/** Hashes one file with synchronous reads; runs in a worker thread of `hash-files.ts`. */
export default function hashFile({ absolutePath, flush }: HashFileTask): HashedFile {
  const descriptor = openSync(absolutePath, constants.O_RDONLY | constants.O_NOFOLLOW);
  try {
    const hash = createHash('sha256');
    let bytes = 0;
    for (let read = readSync(descriptor, buffer); read > 0; read = readSync(descriptor, buffer)) {
      hash.update(read === buffer.length ? buffer : buffer.subarray(0, read));
      bytes += read;
    }
    if (flush) fsyncSync(descriptor);
    return { bytes, sha256: hash.digest('hex') };
  } finally {
    closeSync(descriptor);
  }
}
