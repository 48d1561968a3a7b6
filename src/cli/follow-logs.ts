import { setTimeout as sleep } from 'node:timers/promises';
import type { AttemptLog } from '../platform/logs/attempt-logs.js';
import { createLogReader, type LogReader } from '../platform/logs/log-reader.js';
import { attemptSentence } from './attempt-sentence.js';

const POLL_INTERVAL_MS = 500;

/** How often is asked whether anything more will come. */
const QUESTION_INTERVAL_MS = 2_000;

export interface FollowLogsOptions {
  step: string;
  /** The attempts of the pipeline's run so far. */
  list: () => Promise<AttemptLog[]>;
  /** Whether the step, or its pipeline, has ended: no attempt will follow. */
  nothingFollows: () => Promise<boolean>;
  print: (line: string) => void;
  note: (line: string) => void;
}

/** Prints the log of a step's latest attempt, and of those that come after it, until the step has ended. */
export async function followLogs({ step, list, nothingFollows, print, note }: FollowLogsOptions): Promise<void> {
  let shown: { attempt: AttemptLog; reader: LogReader } | undefined;
  let askedMs = Number.NEGATIVE_INFINITY;
  let isOver = false;
  for (;;) {
    const latest = (await list()).findLast((attempt) => attempt.step === step);
    if (latest !== undefined && latest.directory !== shown?.attempt.directory) {
      await shown?.reader.finish();
      note(`${latest.step}, attempt ${latest.attempt} on ${latest.host}`);
      shown = { attempt: latest, reader: createLogReader(latest.directory, print) };
    }
    if (isOver || latest?.state === 'succeeded' || latest?.state === 'cancelled') {
      await shown?.reader.finish();
      note(
        latest === undefined
          ? `${step} has ended without a log: it ran no tool, or was reused.`
          : attemptSentence(latest),
      );
      return;
    }
    await shown?.reader.poll();
    if (performance.now() - askedMs > QUESTION_INTERVAL_MS) {
      askedMs = performance.now();
      // One more round: what was written meanwhile is still to be printed.
      isOver = await nothingFollows();
    }
    await sleep(POLL_INTERVAL_MS);
  }
}
