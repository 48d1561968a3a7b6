import { isCancellation, setCurrentDetails, upsertSearchAttributes, workflowInfo } from '@temporalio/workflow';
import type { AdmittedSpec } from '../contracts/admitted-spec.js';
import type { GateSummary, ParkedStep, PipelineProgress, StepState } from '../contracts/pipeline.js';
import type { AppliedRemedy } from '../contracts/remedies.js';
import { searchAttributes } from '../contracts/search-attributes.js';

interface Row {
  state: StepState;
  key: string | null;
  digest: string | null;
  startedAt: number;
  durationMs: number | null;
  remedies: AppliedRemedy[];
}

/** States in which a step's time still runs. */
const goesOn: ReadonlySet<StepState> = new Set(['waiting', 'locating', 'running', 'parked']);

const newRow = (state: StepState): Row => ({
  state,
  key: null,
  digest: null,
  startedAt: Date.now(),
  durationMs: null,
  remedies: [],
});

const icons: Record<StepState, string> = {
  waiting: '·',
  locating: '…',
  running: '▶',
  parked: '‖',
  ran: '✓',
  reused: '↺',
  cancelled: '⊘',
  failed: '✗',
};

const short = (digest: string | null): string => (digest === null ? '' : `\`${digest.slice(0, 12)}\``);

const duration = (milliseconds: number | null): string =>
  milliseconds === null ? '' : `${(milliseconds / 1000).toFixed(1)} s`;

/** What a pipeline shows of itself: a table in the Web UI's details, search attributes, and the `progress` query. */
export class Progress {
  private readonly rows = new Map<string, Row>();
  private phase = 'admit';
  private verdict: GateSummary['verdict'] | null = null;
  private admitted: AdmittedSpec | null = null;
  private outcome = '';
  private parked: ParkedStep[] = [];

  /** The pipeline was admitted: from now on it can be found by its model and format. */
  admit(admitted: AdmittedSpec): void {
    this.admitted = admitted;
    upsertSearchAttributes([
      { key: searchAttributes.modelId, value: admitted.spec.model.repository },
      { key: searchAttributes.quantization, value: admitted.spec.quantization.format },
    ]);
  }

  enterPhase(phase: string): void {
    this.phase = phase;
    upsertSearchAttributes([{ key: searchAttributes.pipelinePhase, value: this.currentPhase() }]);
    this.publish();
  }

  update(step: string, state: StepState, { key, digest }: { key?: string; digest?: string } = {}): void {
    const row = this.rows.get(step) ?? newRow(state);
    if (row.durationMs !== null && goesOn.has(state)) Object.assign(row, { startedAt: Date.now(), durationMs: null });
    row.state = state;
    row.key = key ?? row.key;
    row.digest = digest ?? row.digest;
    if (!goesOn.has(state)) row.durationMs = Date.now() - row.startedAt;
    this.rows.set(step, row);
    this.publish();
  }

  /** A step that came to no result. */
  end(step: string, failure: unknown): void {
    this.update(step, isCancellation(failure) ? 'cancelled' : 'failed');
  }

  /** What waits for a person now. */
  park(parked: ParkedStep[]): void {
    const wasParked = this.parked.length > 0;
    this.parked = parked;
    for (const [step, { state }] of this.rows)
      if (state === 'parked' && !parked.some((one) => one.step === step)) this.update(step, 'running');
    for (const { step } of parked) if (this.rows.has(step)) this.update(step, 'parked');
    if (wasParked !== parked.length > 0) {
      upsertSearchAttributes([{ key: searchAttributes.pipelinePhase, value: this.currentPhase() }]);
    }
    this.publish();
  }

  private currentPhase(): string {
    return this.parked.length > 0 ? 'parked' : this.phase;
  }

  /** A step is tried again with this. */
  remedy(step: string, remedy: AppliedRemedy): void {
    this.rows.get(step)?.remedies.push(remedy);
  }

  /** For a report; empty where nothing was changed. */
  remediesOf(step: string): { remedies?: AppliedRemedy[] } {
    const { remedies = [] } = this.rows.get(step) ?? {};
    return remedies.length === 0 ? {} : { remedies };
  }

  durationMs(step: string): number {
    return this.rows.get(step)?.durationMs ?? 0;
  }

  decide({ verdict, reason, page }: GateSummary): void {
    this.verdict = verdict;
    this.outcome = page === null ? reason : `${reason} [The evidence](${page})`;
    upsertSearchAttributes([{ key: searchAttributes.gateVerdict, value: verdict }]);
    this.publish();
  }

  describe(): PipelineProgress {
    return {
      phase: this.currentPhase(),
      steps: [...this.rows].map(([name, { state, key, digest, durationMs }]) => ({
        name,
        state,
        key,
        digest,
        durationMs,
        ...this.remediesOf(name),
      })),
      verdict: this.verdict,
      ...(this.parked.length === 0 ? {} : { parked: this.parked }),
      admitted: this.admitted,
    };
  }

  private parkedLines(): string[] {
    if (this.parked.length === 0) return [];
    const lines = this.parked.map(({ step, reason, page }) => {
      const place = page === null ? '' : ` [Its page](${page})`;
      return `- **${step}** waits for you: ${reason}${place}`;
    });
    return [...lines, '', `Then: \`enginesmith retry ${workflowInfo().workflowId}\`, or the signal \`retry\`.`, ''];
  }

  /** What was changed after failures: below the table, where an engineer looks who wonders about a digest. */
  private remedyLines(): string[] {
    const lines = [...this.rows].flatMap(([step, { remedies }]) =>
      remedies.map(({ name, after, change }) => `- **${step}**: ${name} after ${after}, \`${change}\``),
    );
    return lines.length === 0 ? [] : ['', 'Remedies:', '', ...lines];
  }

  private publish(): void {
    const head = this.admitted
      ? `**${this.admitted.spec.model.repository}** at \`${this.admitted.model.commit.slice(0, 12)}\`, ${this.admitted.spec.quantization.format}, ${this.admitted.toolchain.name} ${this.admitted.toolchain.release}`
      : 'Admitting the spec';
    const table = [...this.rows].map(
      ([step, row]) =>
        `| ${icons[row.state]} | ${step} | ${row.state} | ${short(row.digest)} | ${duration(row.durationMs)} |`,
    );
    // The Web UI shows the first lines of the details without scrolling: the verdict stands above the table.
    const verdict = this.verdict === null ? [] : [`Gate: **${this.verdict}**. ${this.outcome}`, ''];
    setCurrentDetails(
      [head, '', `Phase: **${this.currentPhase()}**`, '', ...this.parkedLines(), ...verdict]
        .concat('| | step | state | digest | time |', '|---|---|---|---|---|', table, this.remedyLines())
        .join('\n'),
    );
  }
}
