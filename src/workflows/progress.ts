import { isCancellation, setCurrentDetails, upsertSearchAttributes } from '@temporalio/workflow';
import type { AdmittedSpec } from '../contracts/admitted-spec.js';
import type { GateSummary, PipelineProgress, StepState } from '../contracts/pipeline.js';
import { searchAttributes } from '../contracts/search-attributes.js';

interface Row {
  state: StepState;
  key: string | null;
  digest: string | null;
  startedAt: number;
  durationMs: number | null;
}

const icons: Record<StepState, string> = {
  waiting: '·',
  locating: '…',
  running: '▶',
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
    upsertSearchAttributes([{ key: searchAttributes.pipelinePhase, value: phase }]);
    this.publish();
  }

  update(step: string, state: StepState, { key, digest }: { key?: string; digest?: string } = {}): void {
    const row = this.rows.get(step) ?? { state, key: null, digest: null, startedAt: Date.now(), durationMs: null };
    row.state = state;
    row.key = key ?? row.key;
    row.digest = digest ?? row.digest;
    if (state !== 'waiting' && state !== 'locating' && state !== 'running') row.durationMs = Date.now() - row.startedAt;
    this.rows.set(step, row);
    this.publish();
  }

  /** A step that came to no result. */
  end(step: string, failure: unknown): void {
    this.update(step, isCancellation(failure) ? 'cancelled' : 'failed');
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
      phase: this.phase,
      steps: [...this.rows].map(([name, { state, key, digest, durationMs }]) => ({
        name,
        state,
        key,
        digest,
        durationMs,
      })),
      verdict: this.verdict,
      admitted: this.admitted,
    };
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
      [head, '', `Phase: **${this.phase}**`, '', ...verdict]
        .concat('| | step | state | digest | time |', '|---|---|---|---|---|', table)
        .join('\n'),
    );
  }
}
