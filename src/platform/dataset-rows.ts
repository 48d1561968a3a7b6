import { createReadStream } from 'node:fs';
import { join } from 'node:path';
import { asyncBufferFromFile, parquetMetadataAsync, parquetReadObjects } from 'hyparquet';
import * as z from 'zod';
import type { DatasetRow } from '../contracts/evaluation.js';
import { filesOfSplit, invalidDataset } from './dataset-files.js';

export interface ReadRowsOptions {
  /** `articles` has the columns of cnn_dailymail, `prompts` has `prompt` and `reference`. */
  kind: DatasetKind;
  split: string;
  /** Rows to read, counted from 0 over all files of the split. */
  rows: readonly number[];
}

/** Longer than any news article; a file without line breaks must not fill the memory. */
const largestLineCharacters = 16 * 1024 * 1024;

const articleColumns = z.object({ article: z.string(), highlights: z.string() });
const promptColumns = z.object({ prompt: z.string(), reference: z.string() });

/** The columns of each kind, the configuration that holds them (null: the only one), and what they are to an evaluation. */
const kinds = {
  articles: {
    config: '3.0.0',
    columns: Object.keys(articleColumns.shape),
    parse: articleColumns.transform(({ article, highlights }) => ({ question: article, reference: highlights })),
    columnsOf: ({ question, reference }: Question) => ({ article: question, highlights: reference }),
  },
  prompts: {
    config: null,
    columns: Object.keys(promptColumns.shape),
    parse: promptColumns.transform(({ prompt, reference }) => ({ question: prompt, reference })),
    columnsOf: ({ question, reference }: Question) => ({ prompt: question, reference }),
  },
} as const;

type Question = Pick<DatasetRow, 'question' | 'reference'>;
export type DatasetKind = keyof typeof kinds;

/** A row under the names that its columns have in a dataset of that kind. */
export const datasetColumns = (kind: DatasetKind, question: Question): Record<string, string> =>
  kinds[kind].columnsOf(question);

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

async function* readParquet(file: string, columns: readonly string[]): RawRows {
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
        columns: [...columns],
        rowStart,
        rowEnd,
      });
      rowStart = rowEnd;
    }
  } catch (cause) {
    throw invalidDataset(file, `cannot be read as parquet with the columns ${columns.join(', ')}.`, cause);
  }
}

const readers = new Map<string, (file: string, columns: readonly string[]) => RawRows>([
  ['jsonl', readJsonLines],
  ['parquet', readParquet],
]);

/**
 * Reads questions and references of a dataset directory laid out for `datasets.load_dataset`.
 *
 * @returns the rows that were asked for, ascending
 * @throws EvaluationInvalid when the directory, a file or a row is not as its kind has it, or a row does not exist
 */
export async function readRows(directory: string, options: ReadRowsOptions): Promise<DatasetRow[]> {
  const { config, columns, parse } = kinds[options.kind];
  const wanted = new Set(options.rows);
  const last = Math.max(-1, ...wanted);
  const found: DatasetRow[] = [];
  let row = 0;
  for (const file of await filesOfSplit(directory, options.split, config)) {
    const read = readers.get(file.slice(file.lastIndexOf('.') + 1));
    if (read === undefined)
      throw invalidDataset(file, `expected one of ${[...readers.keys()].map((name) => `.${name}`).join(', ')}.`);
    for await (const raw of read(join(directory, file), columns)) {
      if (wanted.has(row)) {
        const parsed = parse.safeParse(raw);
        if (!parsed.success)
          throw invalidDataset(
            file,
            `row ${row} lacks text in the columns ${columns.join(', ')}: ${parsed.error.message}`,
          );
        found.push({ row, ...parsed.data });
      }
      row += 1;
      if (row > last) return found;
    }
  }
  throw invalidDataset(
    'README.md',
    `split "${options.split}" has ${row} rows, but ${last + 1} are needed: gate.articles can be at most ${row}.`,
  );
}
