import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { parse } from 'yaml';
import { z } from 'zod';

const file = fileURLToPath(new URL('../faults.yaml', import.meta.url));

const schema = z.array(
  z.strictObject({
    fault: z.string(),
    steps: z.array(z.string()).min(1),
    end: z.string().regex(/^(DEPLOYED|CANCELLED|FAILED [A-Za-z]+(\|[A-Za-z]+)*)$/),
    withinSeconds: z.number().positive(),
  }),
);

/** One fault at one step, and how the pipeline is to end. */
export interface Row {
  fault: string;
  step: string;
  /** `FAILED` may name several types: not every host can tell why a tool was killed. */
  end: string;
  /** The most that recovery may take. */
  withinSeconds: number;
}

/** Every row of `faults.yaml`, in its order. @throws when the file is malformed or names a row twice */
export function readRows(): Row[] {
  const blocks = schema.parse(parse(readFileSync(file, 'utf8')));
  const rows = blocks.flatMap(({ steps, ...rest }) => steps.map((step) => ({ ...rest, step })));
  const names = rows.map(rowName);
  const twice = names.find((name, index) => names.indexOf(name) !== index);
  if (twice !== undefined) throw new Error(`${file} has ${twice} twice`);
  return rows;
}

export const rowName = ({ fault, step }: Pick<Row, 'fault' | 'step'>): string => `${fault}/${step}`;

/** @param only `FAULT` or `FAULT/STEP`, several of them separated by commas */
export function selectRows(rows: readonly Row[], only: string | undefined): Row[] {
  if (only === undefined) return [...rows];
  return only.split(',').flatMap((name) => {
    const chosen = rows.filter((row) => row.fault === name || rowName(row) === name);
    if (chosen.length === 0) throw new Error(`faults.yaml has no ${name}; it has ${rows.map(rowName).join(', ')}`);
    return chosen;
  });
}

/** Whether a pipeline ended as its row says. */
export function isExpected({ end }: Pick<Row, 'end'>, outcome: string): boolean {
  const [status, ...types] = end.split(/[ |]/);
  return types.length === 0 ? outcome === status : types.some((type) => outcome === `${status} ${type}`);
}
