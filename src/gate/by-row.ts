import { EnginesmithFailure } from '../contracts/failures.js';

/**
 * Items by their dataset row.
 *
 * @throws EvaluationInvalid when a row comes twice
 */
export function byRow<T extends { row: number }>(name: string, items: readonly T[]): Map<number, T> {
  const rows = new Map(items.map((item) => [item.row, item]));
  if (rows.size === items.length) return rows;
  throw new EnginesmithFailure('EvaluationInvalid', `The ${name} has a row twice: its articles cannot be paired.`, {
    context: { side: name },
  });
}

/**
 * The item of a row that the other sides have too.
 *
 * @throws EvaluationInvalid when it is missing
 */
export function itemAt<T>(rows: Map<number, T>, row: number, name: string): T {
  const item = rows.get(row);
  if (item !== undefined) return item;
  throw new EnginesmithFailure(
    'EvaluationInvalid',
    `Row ${row} of the dataset is missing from the ${name}. Evaluate baseline and candidate on the same articles, and ` +
      'read the references from the same dataset revision.',
    { context: { row, side: name } },
  );
}
