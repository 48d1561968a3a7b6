import Table from 'cli-table3';
import { Command } from 'commander';
import { EnginesmithFailure } from '../../contracts/failures.js';
import type { StoreAdministration } from '../../platform/store/administration.js';
import type { StoredArtifact } from '../../platform/store/inventory.js';
import { defaultKeepRules, type KeepReason, type LiveUse, reasonText } from '../../platform/store/keep-reasons.js';
import { whatIsInUse } from '../connect.js';
import { indentedText } from '../indented-text.js';
import { noBorders } from '../no-borders.js';
import { createOutput, type OutputOptions } from '../output.js';
import { shortDigest, size, withStore } from './open-store.js';

const notes = `
The line below says why an artifact is kept: a deployment, a running pipeline,
one of the last runs of its spec, a pin, or that it was used within a day. What
has none is what \`artifacts gc\` removes.

Examples:
  $ npx enginesmith artifacts list
  $ npx enginesmith artifacts list --json | jq -r '.artifacts[].digest'`;

export const listCommand = (): Command =>
  new Command('list')
    .description('Lists every artifact: what it is, what made it, and why it is kept.')
    .option('--json', 'print {"artifacts":[{"digest","kind","bytes","usedAt",…}],…}')
    .addHelpText('after', notes)
    .action(list);

const INDENT = '  ';

interface Row {
  digest: string;
  kind: string;
  bytes: number;
  usedAt: string;
  step: string | null;
  model: string | null;
  keptBy: KeepReason[];
}

async function list(options: OutputOptions): Promise<void> {
  const output = createOutput(options);
  await withStore(async (store) => {
    let unanswered: string | null = null;
    const ask = (): Promise<LiveUse | null> =>
      whatIsInUse().catch((failure: unknown) => {
        if (!(failure instanceof EnginesmithFailure)) throw failure;
        unanswered = failure.message;
        return null;
      });
    const { artifacts, reasons } = await store.usage({ ask, rules: defaultKeepRules });
    const rows = await Promise.all(artifacts.map((each) => rowOf(store, each, reasons.get(each.digest) ?? [])));
    rows.sort((left, right) => right.usedAt.localeCompare(left.usedAt));
    if (unanswered !== null) output.note(`What runs and serves is not known. ${unanswered}`);
    const bytes = rows.reduce((sum, row) => sum + row.bytes, 0);
    output.result({ artifacts: rows, bytes, deploymentsKnown: unanswered === null }, tableOf(rows, bytes));
  });
}

async function rowOf(store: StoreAdministration, artifact: StoredArtifact, keptBy: KeepReason[]): Promise<Row> {
  const { digest, kind, bytes, usedAtMs } = artifact;
  const [latest] = await store.records(digest);
  const usedAt = new Date(usedAtMs).toISOString();
  return { digest, kind, bytes, usedAt, step: latest?.step ?? null, model: latest?.model ?? null, keptBy };
}

/** Two lines an artifact: what it is, and of which model and why it is kept; one line of both is wider than a terminal. */
function tableOf(rows: readonly Row[], bytes: number): string {
  if (rows.length === 0) return 'The store is empty.';
  const table = new Table({ chars: noBorders, style: { head: [], border: [], 'padding-left': 0, 'padding-right': 2 } });
  table.push(['DIGEST', 'KIND', 'SIZE', 'STEP', 'USED']);
  for (const { digest, kind, bytes: ofOne, step, usedAt } of rows) {
    table.push([shortDigest(digest), kind, size(ofOne), step ?? '-', usedAt.slice(0, 16)]);
  }
  const [head = '', ...lines] = table.toString().split('\n');
  const body = rows.flatMap((row, index) => [(lines[index] ?? '').trimEnd(), about(row)]);
  return `${[head.trimEnd(), ...body].join('\n')}\n\n${rows.length} artifacts, ${size(bytes)}`;
}

function about({ model, keptBy: [first, ...others] }: Row): string {
  const kept = first === undefined ? 'not kept' : `kept: ${reasonText(first)}`;
  const more = others.length > 0 ? ` and ${others.length} more` : '';
  const text = `${model === null ? '' : `of ${model}; `}${kept}${more}`;
  return indentedText(text, INDENT);
}
