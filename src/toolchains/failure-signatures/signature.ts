import type { FailureType } from '../../contracts/failures.js';
import type { StepActivityName } from '../../contracts/steps.js';

/** Whose failure it is: the activity of a step that runs a tool, or the server of a revision. */
type FailedTool = StepActivityName | 'triton';

/** What is known of a tool that failed. */
export interface Evidence {
  tool: FailedTool;
  /** The end of its output, as it was written. */
  log: string;
  /** Null where a signal ended it, and where nobody saw how it ended. */
  exitCode: number | null;
  signal: string | null;
  /**
   * Whether the kernel killed a process of its control group for want of memory, by the group's `memory.events`; undefined
   * where nobody counted.
   */
  oomKilled?: boolean | undefined;
  /** Whether the file system of its log and its output takes no more, so that it may have had no place to say why it failed. */
  diskFull?: boolean | undefined;
  /** Of a Triton that runs: the models that did not become ready. */
  notReady?: readonly string[];
}

/** One known failure, and what its user does about it. */
export interface FailureSignature {
  /** Stands in the failure's context and in docs/failures.md. */
  code: string;
  type: FailureType;
  /** What happened, completing "trtllm-build …" or "Triton …". */
  title: string;
  /** Whose output it can be in. @default every tool's */
  tools?: readonly FailedTool[];
  /**
   * Any of them on a line of the output is enough. A line is taken without what loggers put before it, and only where its
   * logger does not call it a warning or less: tools try, warn and go on.
   */
  lines: readonly RegExp[];
  /** Evidence beside the output. */
  matches?: (evidence: Evidence) => boolean;
  /** How `matches` reads in docs/failures.md. */
  signs?: string;
  /** Whether the same command may do better a second time. */
  retryable: boolean;
  /** What the user does: whole sentences. */
  remedy: string;
  /** Where the message was seen: threads, as owner/repository#number. */
  sources: readonly string[];
}
