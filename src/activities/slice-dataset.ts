import * as z from 'zod';
import type { StepOutcome, StepRequest } from '../contracts/steps.js';
import { requireComparable } from '../gate/references.js';
import { datasetColumns, readRows } from '../platform/dataset-rows.js';
import type { ActivityDependencies } from './dependencies.js';
import { makeArtifact } from './make-artifact.js';
import { writeArtifact } from './write-artifact.js';

const parameters = z.object({
  kind: z.enum(['articles', 'prompts']),
  from: z.int().min(0),
  count: z.int().min(1),
});

/** What `datasets.load_dataset` reads to find the split. */
const README = `---
configs:
  - config_name: "3.0.0"
    data_files:
      - split: test
        path: test.jsonl
---
`;

/** Copies consecutive rows of a dataset's test split into a dataset of their own, whose rows count from 0. */
export const createSliceDataset =
  (dependencies: ActivityDependencies) =>
  (request: StepRequest): Promise<StepOutcome> =>
    makeArtifact(request, dependencies, async (context) => {
      const { kind, from, count } = parameters.parse(context.plan.parameters);
      const directory = await dependencies.store.materialize({ digest: context.inputs.evaluationDataset ?? '' });
      const rows = Array.from({ length: count }, (_, index) => from + index);
      const read = await readRows(directory, { kind, split: 'test', rows });
      // The gate would refuse them, hours later.
      requireComparable(read.map(({ reference }) => reference));
      const lines = read.map(({ row, ...question }) =>
        JSON.stringify({ ...datasetColumns(kind, question), id: `${row}` }),
      );
      return writeArtifact(dependencies, context, { 'README.md': README, 'test.jsonl': `${lines.join('\n')}\n` });
    });
