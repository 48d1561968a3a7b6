import { EnginesmithFailure } from '../../contracts/failures.js';
import { type ContentHash, createContentHash } from './content-hash.js';
import { fetchVerified, type VerifiedSource } from './fetch-verified.js';
import type { HubFile } from './hub-file.js';
import { describeSubject } from './refusal.js';
import type { VerifiedPartial } from './verified-partial.js';

/** Configuration is kilobytes; what is larger is no configuration, and has its place on a disk. */
const MAXIMUM_BYTES = 4 * 1024 * 1024;

/**
 * Reads a small file into memory, verified like every other.
 * @throws EnginesmithFailure as `fetchVerified`, and `UnsupportedModel` for a file that is not small
 */
export async function readVerifiedFile(source: VerifiedSource, file: HubFile): Promise<Buffer> {
  if (file.bytes > MAXIMUM_BYTES) {
    throw new EnginesmithFailure(
      'UnsupportedModel',
      `${file.path} of ${describeSubject(source.subject)} has ${file.bytes} bytes; at most ${MAXIMUM_BYTES} are read of such a file.`,
      { context: { path: file.path, bytes: file.bytes, maximumBytes: MAXIMUM_BYTES } },
    );
  }
  const partial = openMemoryPartial(file);
  await fetchVerified(source, { file, partial, etag: undefined, onEtag: () => undefined, onBytes: () => undefined });
  return partial.content();
}

function openMemoryPartial(file: HubFile): VerifiedPartial & { content(): Buffer } {
  let chunks: Buffer[] = [];
  let offset = 0;
  let hash: ContentHash = createContentHash(file);
  return {
    get offset() {
      return offset;
    },
    append(chunk) {
      hash.update(chunk);
      chunks.push(Buffer.from(chunk));
      offset += chunk.length;
    },
    reset() {
      chunks = [];
      offset = 0;
      hash = createContentHash(file);
    },
    verify() {
      const { announced, sha256 } = hash.finish();
      return announced.hex === file.digest.hex ? sha256 : undefined;
    },
    close: () => undefined,
    content: () => Buffer.concat(chunks),
  };
}
