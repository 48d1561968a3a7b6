import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { storeLayout } from '../../../src/platform/store/layout.js';
import type { ChaosEnvironment } from '../../support/chaos-environment.js';
import { finishedActivities } from '../../support/executions.js';
import { repeatedRecords } from '../../support/repeated-records.js';

const recordSchema = z.object({ key: z.string(), step: z.string(), startedAt: z.string(), endedAt: z.string() });
const entrySchema = z.object({ madeAt: z.string() });

/** Whatever was complete and was done again: activities by histories, tools by their own log, artifacts by their records. */
export async function repetitions(
  environment: ChaosEnvironment,
  { workflowIds, mayRepeat }: { workflowIds: readonly string[]; mayRepeat: readonly string[] },
): Promise<string[]> {
  const repeated = [
    ...(await Promise.all(workflowIds.map((workflowId) => repeatedActivities(environment, workflowId)))).flat(),
    ...(await repeatedTools(environment)),
    ...(await remadeArtifacts(environment)),
  ];
  return repeated.filter(({ name }) => !mayRepeat.includes(name)).map(({ name, what }) => `${name} ${what}`);
}

interface Repetition {
  name: string;
  what: string;
}

async function repeatedActivities({ client }: ChaosEnvironment, workflowId: string): Promise<Repetition[]> {
  const finished = (await finishedActivities(client, workflowId)).filter(
    ({ type, completions }) => type !== 'superviseRevision' && completions > 0,
  );
  return twice(finished.map(({ type, input, completions }) => ({ name: type, id: `${input} ${completions}` }))).map(
    (name) => ({ name, what: `of ${workflowId} was done twice` }),
  );
}

async function repeatedTools({ toolchain }: ChaosEnvironment): Promise<Repetition[]> {
  const completed = (await toolchain.runs()).filter(({ exit }) => exit === 0);
  return twice(completed.map(({ program, argv, rank }) => ({ name: program, id: [rank, ...argv].join(' ') }))).map(
    (name) => ({
      name,
      what: 'did the same work twice',
    }),
  );
}

async function remadeArtifacts({ places, view }: ChaosEnvironment): Promise<Repetition[]> {
  const directory = view(join(places.store, 'records'));
  const paths = (await readdir(directory, { recursive: true }).catch(() => [])).filter((path) =>
    path.endsWith('/record.json'),
  );
  const records = await Promise.all(
    paths.map(async (path) => recordSchema.parse(JSON.parse(await readFile(join(directory, path), 'utf8')))),
  );
  const madeAt = new Map<string, string>();
  for (const { key } of records) {
    const entry = await readFile(view(storeLayout(places.store).action(key)), 'utf8').catch(() => undefined);
    if (entry !== undefined) madeAt.set(key, entrySchema.parse(JSON.parse(entry)).madeAt);
  }
  return repeatedRecords(records, (key) => madeAt.get(key)).map((name) => ({ name, what: 'made its artifact twice' }));
}

const twice = (all: readonly { name: string; id: string }[]): string[] =>
  all
    .filter(({ name, id }, index) => all.findIndex((other) => other.name === name && other.id === id) !== index)
    .map(({ name }) => name);
