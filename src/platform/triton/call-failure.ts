import { type ServiceError, status } from '@grpc/grpc-js';
import { EnginesmithFailure } from '../../contracts/failures.js';

const isServiceError = (error: unknown): error is ServiceError => error instanceof Error && 'code' in error;

/** What a server says of one request, and not of itself or of the way to it. */
export class RequestRefused extends Error {}

/** Statuses by which nobody refused anything: the server is away, slow or given up. */
const unanswered: readonly number[] = [status.UNAVAILABLE, status.DEADLINE_EXCEEDED, status.CANCELLED];

/**
 * The failure of a call. Its context holds the gRPC status, and `refusal`: the server's own words where it refused the
 * request, null where it did not answer, or answered nonsense.
 */
export function callFailure(url: string, what: string, error: unknown): EnginesmithFailure {
  const grpcStatus = isServiceError(error) ? (status[error.code] ?? `${error.code}`) : 'OK';
  const refusal =
    error instanceof RequestRefused
      ? error.message
      : isServiceError(error) && !unanswered.includes(error.code)
        ? error.details
        : null;
  const said = isServiceError(error)
    ? `${grpcStatus} ${error.details}`
    : `${error instanceof Error ? error.message : error}`;
  return new EnginesmithFailure('TritonUnavailable', `Triton at ${url} did not serve ${what}: ${said}. See its log.`, {
    context: { url, grpcStatus, refusal },
    cause: error,
  });
}
