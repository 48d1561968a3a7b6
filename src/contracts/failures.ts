import type { Finding } from './finding.js';

/**
 * Every way in which Enginesmith fails, once. The type strings are an API: they stand in histories, in `--json` output and
 * in alert rules. `retryable` says what holds unless the place that creates the failure knows better.
 */
export const failureTypes = {
  /** The spec cannot be used as written: unknown key, wrong type, illegal combination. */
  InvalidSpec: { retryable: false },
  /** The Hub says that the repository, revision or file does not exist. */
  ModelNotFound: { retryable: false },
  /** The Hub refuses access: gated, private, or a token that lacks the right. */
  ModelAccessDenied: { retryable: false },
  /** The model is of an architecture, or has a feature, that the toolchain does not handle. */
  UnsupportedModel: { retryable: false },
  /** The Hub answered something that breaks its own protocol: a name that climbs out, a malformed etag. */
  HubProtocolViolation: { retryable: false },
  /** Downloaded bytes do not hash to what the Hub announced. Fetched again once before it is raised. */
  IntegrityMismatch: { retryable: false },
  /** A network or server fault that time may heal. */
  HubUnavailable: { retryable: true },
  /** The disk cannot hold what the step needs. */
  InsufficientDisk: { retryable: true },
  /** The worker's toolchain is not the one that the admitted spec names; another worker may have it. */
  ToolchainMismatch: { retryable: true },
  /** A program of the toolchain is missing or not executable. */
  ToolMissing: { retryable: false },
  /** A tool ended with a non-zero exit code or by a signal, and no row of docs/failures.md says why. */
  ToolFailed: { retryable: true },
  /** A tool or a served model found too little GPU memory: it would again. */
  GpuOutOfMemory: { retryable: false },
  /** The kernel ended a tool for want of the host's memory: it would again. */
  HostOutOfMemory: { retryable: false },
  /** An engine and what runs it are not made for each other: release, GPU, number of ranks. */
  EngineMismatch: { retryable: false },
  /** The GPU does not have the format that is asked for. */
  UnsupportedFormat: { retryable: false },
  /** A tool could not read its dataset. */
  DatasetUnavailable: { retryable: true },
  /** What is installed is not a whole toolchain of its release, or does not fit the driver. */
  ToolchainBroken: { retryable: false },
  /** Somebody else has a port that was free a moment ago. */
  PortTaken: { retryable: true },
  /** Ranks of one tool lost each other: NCCL, MPI. */
  CommunicationFailed: { retryable: true },
  /** A tool showed no sign of progress for longer than its step allows, and was ended. */
  Stalled: { retryable: true },
  /** The attempt ledger of a job is full: its tool failed too often to be tried again. */
  AttemptsExhausted: { retryable: false },
  /** A tool exited 0, but its output is missing, incomplete or inconsistent with what was asked. */
  ToolOutputInvalid: { retryable: false },
  /** A worker was killed in the middle of an attempt; the next one goes on from what it left. */
  WorkerLost: { retryable: true },
  /** Another pipeline makes the same artifact now. */
  ClaimHeld: { retryable: true },
  /** Every GPU of the class is leased. */
  NoFreeGpu: { retryable: true },
  /** This host would not let the tool work: a GPU with memory errors or a stranger on it, too little shared memory. */
  PreflightFailed: { retryable: true },
  /** The bucket in which artifacts are kept for all hosts does not answer, or refuses. */
  RemoteStoreUnavailable: { retryable: true },
  /** An artifact in the store is missing, or its files no longer hash to its manifest. */
  ArtifactCorrupt: { retryable: false },
  /** The evaluations cannot be compared: rows that do not match, no articles. */
  EvaluationInvalid: { retryable: false },
  /** The deployment has moved on since this pipeline started. */
  StalePromotion: { retryable: false },
  /** Who made an artifact, and of what, is not stated by a key that this worker trusts. */
  ProvenanceRefused: { retryable: false },
  /** Triton did not become ready, or ended. */
  TritonUnavailable: { retryable: false },
  /** Triton runs, and a model of the revision is not loaded. */
  TritonLoadFailed: { retryable: false },
  /** The candidate answers, but not as the smoke test demands. */
  SmokeTestFailed: { retryable: false },
  /** The candidate answers through Triton worse than its engine does alone. */
  ServedGateFailed: { retryable: false },
  /** The named deployment, workflow or environment does not exist. */
  NotFound: { retryable: false },
  /** This host or installation lacks something that Enginesmith needs. */
  PrerequisiteMissing: { retryable: false },
} as const satisfies Record<string, { retryable: boolean }>;

export type FailureType = keyof typeof failureTypes;

/** JSON-safe facts that belong to a failure: file, field, expected, found. Never secrets, never unbounded text. */
export type FailureContext = Record<string, string | number | boolean | null>;

export interface FailureOptions {
  /** @default what `failureTypes` says for the type */
  retryable?: boolean;
  /** An expected wait, logged quietly: someone else holds what is needed. @default false */
  benign?: boolean;
  /** When to try again, instead of the retry policy's back-off. */
  nextRetryDelayMs?: number;
  context?: FailureContext;
  /** What lint found, where it refuses a spec; for `--json`. */
  findings?: readonly Finding[];
  cause?: unknown;
}

/**
 * The one error class that crosses module boundaries. Activities turn it into a Temporal ApplicationFailure of the same
 * `type`; the CLI prints its message, which always says what to do next.
 */
export class EnginesmithFailure extends Error {
  override readonly name = 'EnginesmithFailure';
  readonly retryable: boolean;
  readonly benign: boolean;
  readonly nextRetryDelayMs: number | undefined;
  readonly context: FailureContext;
  readonly findings: readonly Finding[];

  constructor(
    readonly type: FailureType,
    message: string,
    options: FailureOptions = {},
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.retryable = options.retryable ?? failureTypes[type].retryable;
    this.benign = options.benign ?? false;
    this.nextRetryDelayMs = options.nextRetryDelayMs;
    this.context = options.context ?? {};
    this.findings = options.findings ?? [];
  }
}
