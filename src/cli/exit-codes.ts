import { EnginesmithFailure, type FailureType } from '../contracts/failures.js';

/** What a command's exit code says: scripts branch on it. */
export const exitCodes = {
  ok: 0,
  /** Found before a workflow starts: a flag, a spec, a name. */
  badInput: 2,
  /** The gate decided against the candidate, or could not decide. */
  notDeployed: 3,
  /**
   * All else, also before a workflow starts: a server that does not answer, a prerequisite that is missing, files that are
   * altered on their way. The same command may succeed when that has healed; one that exits 2 never does.
   */
  failed: 4,
  /** As shells report an end by Ctrl-C. */
  cancelled: 130,
} as const;

export type ExitCode = (typeof exitCodes)[keyof typeof exitCodes];

const badInput: ReadonlySet<FailureType> = new Set([
  'InvalidSpec',
  'ModelNotFound',
  'ModelAccessDenied',
  'UnsupportedModel',
  'NotFound',
]);

/** The exit code of a failure that ended a command before, or without, a workflow. */
export const exitCodeOf = (failure: unknown): ExitCode =>
  failure instanceof EnginesmithFailure && badInput.has(failure.type) ? exitCodes.badInput : exitCodes.failed;
