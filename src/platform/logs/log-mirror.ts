import { mkdir, open, rm } from 'node:fs/promises';
import { ifPresent } from '../durable-files.js';
import { replaceRecord } from '../json-record.js';
import { type AttemptRecord, attemptDirectory, attemptFiles, segmentOffsets } from './attempt-logs.js';

/** One attempt keeps at most its first segment and the last four: 20 MiB of a tool that floods its output. */
const segmentBytes = 4 * 1024 * 1024;
const keptAtTheEnd = 4;
const chunkBytes = 64 * 1024;

const flushIntervalMs = 1_000;

export type AttemptFacts = Pick<AttemptRecord, 'workflowId' | 'runId' | 'step' | 'activityId' | 'attempt' | 'host'>;

/** Copies the growing log of a tool of this host to where other hosts can read it. */
export interface LogMirror {
  /** For what else belongs to the attempt. */
  readonly directory: string;
  /** Copies what is there by now. */
  flush(): Promise<void>;
  /** Copies the rest, and records how the attempt ended. */
  finish(outcome: Pick<AttemptRecord, 'state' | 'failure'>): Promise<void>;
}

/**
 * Starts to mirror the log of one attempt, each second. What cannot be written is said once and tried again: the log is on this
 * host too, and no reason to lose a tool.
 * @param logsDirectory of the store
 */
export async function startLogMirror(options: {
  logsDirectory: string;
  logPath: string;
  facts: AttemptFacts;
  onFailure: (failure: unknown) => void;
}): Promise<LogMirror> {
  const { logsDirectory, logPath, facts, onFailure } = options;
  const directory = attemptDirectory(logsDirectory, facts);
  const startedAt = new Date().toISOString();
  const copy = createCopy(logPath, directory);
  let failed = false;
  let timer: NodeJS.Timeout | undefined;
  let ended = false;

  const attempt = async (work: () => Promise<void>): Promise<void> => {
    try {
      await work();
    } catch (failure) {
      if (!failed) onFailure(failure);
      failed = true;
    }
  };
  const record = (end: Pick<AttemptRecord, 'state' | 'failure' | 'endedAt'>): Promise<void> =>
    replaceRecord(attemptFiles(directory).record, { schema: 'enginesmith/log/v1', ...facts, startedAt, ...end });
  let opened = false;
  const copyRest = async (): Promise<void> => {
    if (!opened) {
      await mkdir(directory, { recursive: true });
      await record({ state: 'running', failure: null, endedAt: null });
      opened = true;
    }
    await copy();
  };
  let flushing = Promise.resolve();
  const flush = (): Promise<void> => {
    flushing = flushing.then(() => attempt(copyRest));
    return flushing;
  };
  const next = (): void => {
    if (!ended) timer = setTimeout(() => flush().then(next), flushIntervalMs);
  };

  await flush();
  next();
  return {
    directory,
    flush,
    async finish(outcome) {
      ended = true;
      clearTimeout(timer);
      await flush();
      await attempt(() => record({ ...outcome, endedAt: new Date().toISOString() }));
    },
  };
}

/** @returns copies what has grown since; one call at a time */
function createCopy(logPath: string, directory: string): () => Promise<void> {
  const files = attemptFiles(directory);
  let offset = 0;
  let segment = 0;

  const enterSegment = async (start: number): Promise<void> => {
    offset = start;
    segment = start;
    const [, ...later] = (await segmentOffsets(directory)).filter((known) => known !== start);
    for (const old of later.slice(0, Math.max(0, later.length - keptAtTheEnd + 1))) await rm(files.segment(old));
  };

  return async () => {
    const source = await ifPresent(() => open(logPath, 'r'));
    if (source === undefined) return;
    try {
      const { size } = await source.stat();
      const buffer = Buffer.allocUnsafe(chunkBytes);
      while (offset < size) {
        if (offset - segment >= segmentBytes) {
          // A flood is faster than any store: what would go before it is read is left out.
          const isBehind = size - offset > keptAtTheEnd * segmentBytes;
          await enterSegment(isBehind ? size - segmentBytes : offset);
        }
        const end = Math.min(size, segment + segmentBytes);
        // Opened and closed each time: that is when a network file system shows it to other hosts.
        const target = await open(files.segment(segment), 'a');
        try {
          while (offset < end) {
            const { bytesRead } = await source.read(buffer, 0, Math.min(chunkBytes, end - offset), offset);
            if (bytesRead === 0) return;
            await target.writeFile(buffer.subarray(0, bytesRead));
            offset += bytesRead;
          }
        } catch (failure) {
          // Nobody knows how much of it was written: what follows gets a segment of its own.
          segment = offset;
          await rm(files.segment(segment), { force: true });
          throw failure;
        } finally {
          await target.close();
        }
      }
    } finally {
      await source.close();
    }
  };
}
