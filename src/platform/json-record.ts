import { randomUUID } from 'node:crypto';
import { rm } from 'node:fs/promises';
import type { ZodType } from 'zod';
import { EnginesmithFailure } from '../contracts/failures.js';
import { publishFile, readIfPresent, replaceFile, writeDurably } from './durable-files.js';
import { parseJson } from './parse-json.js';

/** Writes a JSON file that a reader, or a crash, sees whole or not at all; replaces an earlier one. */
export async function replaceRecord(path: string, record: object): Promise<void> {
  const temporary = await writeTemporary(path, record);
  await replaceFile(temporary, path);
}

/**
 * Creates a JSON file, whole, if nobody has.
 * @returns false when it exists: of several processes that race for one path, exactly one gets true
 */
export async function createRecord(path: string, record: object): Promise<boolean> {
  const temporary = await writeTemporary(path, record);
  try {
    return await publishFile(temporary, path);
  } finally {
    await rm(temporary, { force: true });
  }
}

/**
 * Reads a JSON file that another process or release may have written.
 * @returns undefined when there is no such file
 * @throws EnginesmithFailure ArtifactCorrupt when it is not what the schema says
 */
export async function readRecord<Record>(path: string, schema: ZodType<Record>): Promise<Record | undefined> {
  const text = await readIfPresent(path);
  if (text === undefined) return undefined;
  const parsed = schema.safeParse(parseJson(text));
  if (parsed.success) return parsed.data;
  throw new EnginesmithFailure(
    'ArtifactCorrupt',
    `${path} is not a record that this release can read. If nothing that it describes runs any more, remove it.`,
    { context: { file: path, found: parsed.error.message.slice(0, 500) } },
  );
}

async function writeTemporary(path: string, record: object): Promise<string> {
  const temporary = `${path}.${randomUUID()}.tmp`;
  await writeDurably(temporary, `${JSON.stringify(record, undefined, 2)}\n`);
  return temporary;
}
