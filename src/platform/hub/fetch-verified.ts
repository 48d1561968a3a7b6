import { EnginesmithFailure } from '../../contracts/failures.js';
import { StartOver } from './body-start.js';
import { type FileInProgress, fetchRest, type TransferSource } from './fetch-rest.js';
import type { HubFile } from './hub-file.js';
import { describeSubject } from './refusal.js';
import { type RetryPolicy, retryTransient } from './retry.js';

/** Where a file comes from, and how long its server is waited for. */
export interface VerifiedSource extends TransferSource {
  retry: RetryPolicy;
  signal?: AbortSignal | undefined;
}

/**
 * Fetches what a partial file lacks until its bytes are the announced ones. Wrong bytes are fetched anew once.
 * @returns the sha256
 * @throws EnginesmithFailure `IntegrityMismatch` when the bytes are wrong twice, `HubUnavailable` when the server stays away,
 *   `HubProtocolViolation`, `ModelNotFound`, `ModelAccessDenied`, `InsufficientDisk`
 */
export async function fetchVerified(source: VerifiedSource, inProgress: FileInProgress): Promise<string> {
  const { file, partial } = inProgress;
  const retryOptions = {
    policy: source.retry,
    subject: `${file.path} of ${describeSubject(source.subject)}`,
    progress: () => partial.offset,
    signal: source.signal,
  };
  for (let isLastChance = false; ; isLastChance = true) {
    try {
      inProgress.onBytes();
      if (partial.offset < file.bytes) await retryTransient(() => fetchRest(source, inProgress), retryOptions);
      const sha256 = partial.verify();
      if (sha256 !== undefined) return sha256;
      throw new StartOver(mismatch(source, file));
    } catch (error) {
      if (!(error instanceof StartOver)) throw error;
      partial.reset();
      if (isLastChance) throw error.failure;
    }
  }
}

const mismatch = ({ subject }: VerifiedSource, file: HubFile): EnginesmithFailure =>
  new EnginesmithFailure(
    'IntegrityMismatch',
    `${file.path} of ${describeSubject(subject)}: the bytes do not have the ${file.digest.algorithm} that the Hub announces, ` +
      'also when fetched anew. Something between the Hub and this host alters them: check proxies and mirrors, then run again.',
    { context: { path: file.path, algorithm: file.digest.algorithm, expected: file.digest.hex } },
  );
