import { ActivityFailure, ApplicationFailure, condition, patched } from '@temporalio/workflow';
import type { FailureType } from '../contracts/failures.js';
import type { ParkedStep } from '../contracts/pipeline.js';

/** Since then a pipeline that the Hub refuses waits; those that replay older histories ended there. */
const PARKS = '2026-11-refused-access-parks';

/** What only a person can mend, at a place that Enginesmith does not see: a licence, a token. */
const MENDED_ELSEWHERE: FailureType = 'ModelAccessDenied';

/** Steps that wait until somebody says that they may be tried again. */
export class Parking {
  private readonly waiting = new Map<string, ParkedStep>();
  private retries = 0;

  /** @param changed is told what waits, whenever that changes */
  constructor(private readonly changed: (parked: ParkedStep[]) => void) {}

  /** Lets everything that waits try again. */
  retry(): void {
    this.retries += 1;
  }

  /** Does what may be refused, as often as somebody asks for it; a cancellation ends the waiting. */
  async untilAllowed<Result>(step: string, attempt: () => Promise<Result>): Promise<Result> {
    for (;;) {
      try {
        return await attempt();
      } catch (failure) {
        const parked = refusalOf(step, failure);
        if (parked === null || !patched(PARKS)) throw failure;
        const before = this.retries;
        this.waiting.set(step, parked);
        this.changed([...this.waiting.values()]);
        try {
          await condition(() => this.retries > before);
        } finally {
          this.waiting.delete(step);
          this.changed([...this.waiting.values()]);
        }
      }
    }
  }
}

function refusalOf(step: string, failure: unknown): ParkedStep | null {
  const cause = failure instanceof ActivityFailure ? failure.cause : undefined;
  if (!(cause instanceof ApplicationFailure) || cause.type !== MENDED_ELSEWHERE) return null;
  const details: unknown = cause.details?.[0];
  const page = typeof details === 'object' && details !== null && 'page' in details ? details.page : null;
  return {
    step,
    reason: cause.message,
    page: typeof page === 'string' ? page : null,
    since: new Date().toISOString(),
  };
}
