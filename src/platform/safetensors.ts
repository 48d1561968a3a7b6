import { open, stat } from 'node:fs/promises';
import * as z from 'zod';

/** The format's own limit for the header. */
const MAXIMUM_HEADER_BYTES = 100_000_000;
const LENGTH_BYTES = 8;

const headerSchema = z.record(
  z.string(),
  z.union([
    z.object({ data_offsets: z.tuple([z.int().nonnegative(), z.int().nonnegative()]) }),
    z.record(z.string(), z.string()),
  ]),
);

/**
 * Whether a safetensors file is whole: eight bytes with the header's length, the header, and all the data that it announces.
 * Reads the header only.
 * @returns what is wrong with it; undefined when it is whole
 */
export async function findSafetensorsDamage(path: string): Promise<string | undefined> {
  const { size } = await stat(path);
  const file = await open(path, 'r');
  try {
    const length = Buffer.alloc(LENGTH_BYTES);
    if ((await file.read(length, 0, LENGTH_BYTES, 0)).bytesRead < LENGTH_BYTES) return 'is cut off before its header';
    const headerBytes = length.readBigUInt64LE();
    if (headerBytes > MAXIMUM_HEADER_BYTES) return 'is no safetensors file';
    const dataStart = LENGTH_BYTES + Number(headerBytes);
    if (dataStart > size) return `is cut off in its header: ${size} of at least ${dataStart} bytes`;
    const content = Buffer.alloc(Number(headerBytes));
    await file.read(content, 0, content.length, LENGTH_BYTES);
    const ends = dataEnds(content.toString('utf8'));
    if (ends === undefined) return 'has a header that is not of the safetensors format';
    if (ends.length === 0) return 'holds no tensor';
    const expected = dataStart + ends.reduce((furthest, end) => Math.max(furthest, end), 0);
    return size === expected ? undefined : `has ${size} bytes, and its header announces ${expected}`;
  } finally {
    await file.close();
  }
}

/** Where each tensor's data end, counted from the start of the data. */
function dataEnds(header: string): number[] | undefined {
  try {
    return Object.values(headerSchema.parse(JSON.parse(header))).flatMap((entry) =>
      'data_offsets' in entry && Array.isArray(entry.data_offsets) ? [entry.data_offsets[1]] : [],
    );
  } catch {
    return undefined;
  }
}
