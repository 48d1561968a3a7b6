import { CancellationScope, CancelledFailure, patched } from '@temporalio/workflow';

/** Since then an operation that was given up before it came is not begun. */
const GIVEN_UP_BEFORE = '2026-11-given-up-before-it-came';

/** Since then a stop comes before what was to start a revision again, and had its turn before it. */
const OVERTAKES = '2026-11-stop-overtakes';

/** Those that never come are forgotten, the oldest first. */
const REMEMBERED = 100;

/** Operations of a deployment: one at a time, in the order in which they came, and given up by name. */
export class Turns {
  /** Operations that run or wait. */
  private pending = 0;
  private last: Promise<unknown> = Promise.resolve();
  /** Those that may wait long, for a GPU or for a host. */
  private readonly waiting = new Map<string | symbol, CancellationScope>();
  /** Given up before they came: a signal may overtake an update. */
  private readonly givenUp = new Set<string | symbol>();
  private overtakers = 0;

  /** @param onEnd is called after each operation, however it ended */
  constructor(private readonly onEnd: () => void) {}

  isIdle(): boolean {
    return this.pending === 0;
  }

  /** A chain and not a flag: of two that wait for a flag, both see it fall. */
  exclusively<Result>(operation: () => Promise<Result>): Promise<Result> {
    this.pending += 1;
    const result = this.last.then(operation);
    this.last = result
      .catch(() => undefined)
      .then(() => {
        this.pending -= 1;
        this.onEnd();
      });
    return result;
  }

  /** Runs an operation in its turn, unless it is given up before. */
  async inTurn<Result>(name: string | symbol, operation: () => Promise<Result>): Promise<Result> {
    if (this.givenUp.delete(name) && patched(GIVEN_UP_BEFORE)) throw new CancelledFailure('given up before it came');
    const scope = new CancellationScope();
    this.waiting.set(name, scope);
    try {
      return await this.exclusively(() => scope.run(operation));
    } finally {
      this.waiting.delete(name);
    }
  }

  giveUp(name: string): void {
    const scope = this.waiting.get(name);
    scope?.cancel();
    if (scope === undefined) this.givenUp.add(name);
    const [oldest] = this.givenUp;
    if (this.givenUp.size > REMEMBERED && oldest !== undefined) this.givenUp.delete(oldest);
  }

  /** Runs an operation in its turn; those before it that may wait long are given up for it. */
  async overtaking<Result>(operation: () => Promise<Result>): Promise<Result> {
    for (const scope of this.waiting.values()) scope.cancel();
    this.overtakers += 1;
    try {
      return await this.exclusively(operation);
    } finally {
      this.overtakers -= 1;
    }
  }

  /** Whether an operation that has its turn now is to leave it to one that overtakes. */
  isOvertaken(): boolean {
    return this.overtakers > 0 && patched(OVERTAKES);
  }
}
