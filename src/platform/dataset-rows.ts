import { createReadStream } from 'node:fs';
import { join } from 'node:path';
import { asyncBufferFromFile, parquetMetadataAsync, parquetReadObjects } from 'hyparquet';
import { z } from 'zod';
import { filesOfSplit, invalidDataset } from './dataset-files.js';

/** One row of a dataset with the columns of cnn_dailymail. */
export interface DatasetRow {
  row: number;
  article: string;
  /** The reference summary: one sentence a line. */
  highlights: string;
  id: string;
}

export interface ReadReferencesOptions {
  split: string;
  /** `config_name` in the dataset's README.md. */
  config: string;
  /** Rows to read, counted from 0 over all files of the split. */
  rows: readonly number[];
}

/** Longer than any news article; a file without line breaks must not fill the memory. */
const largestLineCharacters = 16 * 1024 * 1024;

const columns = z.object({ article: z.string(), highlights: z.string(), id: z.string() });
async function* lines(file: string): AsyncGenerator<string> {
  let rest = '';
  // not readline: it also breaks lines at U+2028, which JSON may hold as it is
  for await (const chunk of createReadStream(file, { encoding: 'utf8' })) {
    const parts = `${rest}${chunk}`.split('\n');
    rest = parts.pop() ?? '';
    if (rest.length > largestLineCharacters)
      throw invalidDataset(file, `has a line of over ${largestLineCharacters} characters.`);
    yield* parts;
  }
  yield rest;
}

type RawRows = AsyncGenerator<unknown>;

async function* readJsonLines(file: string): RawRows {
  for await (const line of lines(file)) {
    if (line.trim() === '') continue;
    try {
      yield JSON.parse(line);
    } catch (cause) {
      throw invalidDataset(file, 'holds a line that is no JSON.', cause);
    }
  }
}

async function* readParquet(file: string): RawRows {
  try {
    const buffer = await asyncBufferFromFile(file);
    const metadata = await parquetMetadataAsync(buffer);
    let rowStart = 0;
    // a row group at a time: the whole of cnn_dailymail's train split does not fit a small worker
    for (const { num_rows: count } of metadata.row_groups) {
      const rowEnd = rowStart + Number(count);
      yield* await parquetReadObjects({
        file: buffer,
        metadata,
        columns: Object.keys(columns.shape),
        rowStart,
        rowEnd,
      });
      rowStart = rowEnd;
    }
  } catch (cause) {
    throw invalidDataset(file, 'cannot be read as parquet with the columns of cnn_dailymail.', cause);
  }
}

const readers = new Map<string, (file: string) => RawRows>([
  ['jsonl', readJsonLines],
  ['parquet', readParquet],
]);

/**
 * Reads articles and reference summaries of a dataset directory laid out for `datasets.load_dataset`.
 *
 * @returns the rows that were asked for, ascending
 * @throws EvaluationInvalid when the directory, a file or a row is not as cnn_dailymail has it, or a row does not exist
 */
export async function readReferences(directory: string, options: ReadReferencesOptions): Promise<DatasetRow[]> {
  const wanted = new Set(options.rows);
  const last = Math.max(-1, ...wanted);
  const found: DatasetRow[] = [];
  let row = 0;
  for (const file of await filesOfSplit(directory, options.split, options.config)) {
    const read = readers.get(file.slice(file.lastIndexOf('.') + 1));
    if (read === undefined)
      throw invalidDataset(file, `expected one of ${[...readers.keys()].map((name) => `.${name}`).join(', ')}.`);
    for await (const raw of read(join(directory, file))) {
      if (wanted.has(row)) {
        const parsed = columns.safeParse(raw);
        if (!parsed.success)
          throw invalidDataset(file, `row ${row} is not as cnn_dailymail has it: ${parsed.error.message}`);
        found.push({ row, ...parsed.data });
      }
      row += 1;
      if (row > last) return found;
    }
  }
  throw invalidDataset('README.md', `split "${options.split}" has ${row} rows, but row ${last} was asked for.`);
}
