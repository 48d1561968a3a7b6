import { ActivityFailure, ApplicationFailure } from '@temporalio/workflow';
import type { ArtifactReference, Digest } from '../contracts/artifacts.js';
import type { FailureType } from '../contracts/failures.js';

const CORRUPT: FailureType = 'ArtifactCorrupt';

/**
 * Artifacts of a run that a later step found corrupt. The store has put them into quarantine, so that their keys miss and their
 * producers make them again: each once, for every step that needs it. A tool that is not deterministic makes another one then.
 * It takes the place of the first, unless that was used already: a gate's verdict is about what it has seen.
 */
export class Remaking {
  private readonly producers = new Map<Digest, () => Promise<ArtifactReference>>();
  private readonly remade = new Map<Digest, Promise<ArtifactReference>>();
  private readonly replacements = new Map<Digest, ArtifactReference>();
  /** What steps that are complete have read. */
  private readonly read = new Set<Digest>();

  /**
   * Both are asked only where they matter: pipelines that replay older histories went on differently there.
   * @param isAllowed once something is to be made again
   * @param readsAgain once an input was replaced while a step read it
   */
  constructor(
    private readonly isAllowed: () => boolean,
    private readonly readsAgain: () => boolean,
  ) {}

  /** Says how an artifact is made again. */
  madeBy(digest: Digest, producer: () => Promise<ArtifactReference>): void {
    this.producers.set(digest, producer);
  }

  /** What has an artifact's place now. */
  current(artifact: ArtifactReference): ArtifactReference {
    const replacement = this.replacements.get(artifact.digest);
    return replacement === undefined || replacement.digest === artifact.digest ? artifact : this.current(replacement);
  }

  /** Does what reads artifacts, and again where one of them had to be made again. */
  async withWhole<Roles extends Partial<Record<string, Digest>>, Result>(
    inputs: Roles,
    run: (inputs: Roles) => Promise<Result>,
  ): Promise<Result> {
    const mended = new Set<Digest>();
    for (;;) {
      const now = this.currentInputs(inputs);
      try {
        const result = await run(now);
        // What came out is about another artifact than the one that all others get from here on.
        if (this.isReplaced(now) && this.readsAgain()) continue;
        for (const digest of Object.values(now)) if (digest !== undefined) this.read.add(digest);
        return result;
      } catch (failure) {
        const digest = corruptDigest(failure);
        if (digest === null || mended.has(digest) || !Object.values(now).includes(digest)) throw failure;
        const producer = this.producers.get(digest);
        if (producer === undefined || !this.isAllowed()) throw failure;
        mended.add(digest);
        await this.remake(digest, producer);
      }
    }
  }

  private remake(digest: Digest, producer: () => Promise<ArtifactReference>): Promise<ArtifactReference> {
    const running =
      this.remade.get(digest) ??
      producer().then((artifact) => {
        this.replacements.set(digest, artifact);
        if (artifact.digest === digest || !this.read.has(digest)) return artifact;
        throw ApplicationFailure.nonRetryable(
          `artifact ${digest.slice(0, 12)} was corrupt and came out as ${artifact.digest.slice(0, 12)} when it was made again; ` +
            'steps of this run have used the first one, so that their results are of another artifact. Start the pipeline ' +
            'again: it goes on from the second one.',
          CORRUPT,
          { digest, remade: artifact.digest },
        );
      });
    this.remade.set(digest, running);
    return running;
  }

  private isReplaced(inputs: Partial<Record<string, Digest>>): boolean {
    return Object.values(inputs).some((digest) => {
      const replacement = digest === undefined ? undefined : this.replacements.get(digest);
      return replacement !== undefined && replacement.digest !== digest;
    });
  }

  private currentInputs<Roles extends Partial<Record<string, Digest>>>(inputs: Roles): Roles {
    const current = { ...inputs };
    for (const role in inputs) {
      const digest = inputs[role];
      const replacement = digest === undefined ? undefined : this.replacements.get(digest);
      if (replacement !== undefined) Object.assign(current, { [role]: this.current(replacement).digest });
    }
    return current;
  }
}

/** The artifact that a failure says is corrupt; null for any other failure. */
function corruptDigest(failure: unknown): Digest | null {
  const cause = failure instanceof ActivityFailure ? failure.cause : undefined;
  if (!(cause instanceof ApplicationFailure) || cause.type !== CORRUPT) return null;
  const details: unknown = cause.details?.[0];
  const digest = typeof details === 'object' && details !== null && 'digest' in details ? details.digest : null;
  return typeof digest === 'string' ? digest : null;
}
