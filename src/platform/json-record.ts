import { randomUUID } from 'node:crypto';
import { rm } from 'node:fs/promises';
import type { ZodType } from 'zod';
import { EnginesmithFailure } from '../contracts/failures.js';
import {
  overwriteDurably,
  publishFile,
  readIfPresent,
  replaceFile,
  unlessMissing,
  writeDurably,
} from './durable-files.js';
import { parseJson } from './parse-json.js';

/**
 * Writes a JSON file that a reader, or a crash, sees whole or not at all; replaces an earlier one.
 * @param room a file beside it that becomes it: on a full disk there is no room for another one
 */
export async function replaceRecord(path: string, record: object, room?: string): Promise<void> {
  const temporary = await writeTemporary(path, record, room);
  await replaceFile(temporary, path);
}

/**
 * Creates a JSON file, whole, if nobody has.
 * @param room as for `replaceRecord`
 * @returns false when it exists: of several processes that race for one path, exactly one gets true
 */
export async function createRecord(path: string, record: object, room?: string): Promise<boolean> {
  const temporary = await writeTemporary(path, record, room);
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

async function writeTemporary(path: string, record: object, room?: string): Promise<string> {
  const text = `${JSON.stringify(record, undefined, 2)}\n`;
  if (room !== undefined && (await unlessMissing(() => overwriteDurably(room, text)))) return room;
  const temporary = `${path}.${randomUUID()}.tmp`;
  await writeDurably(temporary, text);
  return temporary;
}
