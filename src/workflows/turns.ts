import { CancellationScope } from '@temporalio/workflow';

/** Operations of a deployment: one at a time, in the order in which they came, and given up by name. */
export class Turns {
  /** Operations that run or wait. */
  private pending = 0;
  private last: Promise<unknown> = Promise.resolve();
  /** Those that may wait long, for a GPU or for a host. */
  private readonly waiting = new Map<string | symbol, CancellationScope>();

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
    const scope = new CancellationScope();
    this.waiting.set(name, scope);
    try {
      return await this.exclusively(() => scope.run(operation));
    } finally {
      this.waiting.delete(name);
    }
  }

  giveUp(name: string): void {
    this.waiting.get(name)?.cancel();
  }

  giveUpAll(): void {
    for (const scope of this.waiting.values()) scope.cancel();
  }
}
