import { closeSync, constants, fstatSync, ftruncateSync, openSync, readSync, writeSync } from 'node:fs';
import { type ContentHash, createContentHash } from './content-hash.js';
import { orDiskFailure } from './disk-failure.js';
import type { HubFile } from './hub-file.js';

/** Read at once when the bytes of an earlier attempt are hashed again. */
const READ_BYTES = 1024 * 1024;

/** A file that grows in order, and knows the digests of what it holds. Synchronous: back-pressure comes for free. */
export interface VerifiedPartial {
  /** Bytes that are there; what comes next goes here. */
  readonly offset: number;
  append(chunk: Uint8Array): void;
  /** Starts again from the first byte. */
  reset(): void;
  /** Call it when `offset` is the file's length. @returns the sha256, undefined when the bytes are not the announced ones */
  verify(): string | undefined;
  close(): void;
}

/**
 * Opens what an earlier attempt left, or nothing, and hashes it: a hash's state cannot be stored.
 * @param path a file that nobody else writes
 * @throws EnginesmithFailure `InsufficientDisk` from `append` when the disk is full
 */
export function openVerifiedPartial(path: string, file: HubFile): VerifiedPartial {
  const descriptor = openSync(path, constants.O_RDWR | constants.O_CREAT | constants.O_NOFOLLOW, 0o644);
  let offset = 0;
  let hash: ContentHash;

  const reset = (): void => {
    ftruncateSync(descriptor, 0);
    offset = 0;
    hash = createContentHash(file);
  };

  const readPrefix = (): void => {
    const buffer = Buffer.allocUnsafe(READ_BYTES);
    for (let read = 1; read > 0; offset += read) {
      read = readSync(descriptor, buffer, 0, READ_BYTES, offset);
      hash.update(buffer.subarray(0, read));
    }
  };

  const present = fstatSync(descriptor).size;
  hash = createContentHash(file);
  if (present > file.bytes) reset();
  else if (present > 0) readPrefix();

  return {
    get offset() {
      return offset;
    },
    append(chunk) {
      hash.update(chunk);
      for (let written = 0; written < chunk.length; ) {
        written += write(descriptor, chunk, written, offset + written, file);
      }
      offset += chunk.length;
    },
    reset,
    verify() {
      const { announced, sha256 } = hash.finish();
      return announced.hex === file.digest.hex ? sha256 : undefined;
    },
    close: () => closeSync(descriptor),
  };
}

function write(
  descriptor: number,
  chunk: Uint8Array,
  from: number,
  position: number,
  { path, bytes }: HubFile,
): number {
  try {
    return writeSync(descriptor, chunk, from, chunk.length - from, position);
  } catch (error) {
    const doing = `${path} was downloaded (${position} of ${bytes} bytes)`;
    throw orDiskFailure(error, doing, { path, neededBytes: bytes - position });
  }
}
