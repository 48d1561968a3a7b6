import { hasCode } from '../platform/durable-files.js';

export interface OutputOptions {
  json?: boolean | undefined;
}

/** Results go to stdout, so that they can be piped; whatever else a person reads goes to stderr. */
export interface Output {
  readonly json: boolean;
  /** The command's result: one line of JSON with `--json`, else the text. */
  result(value: object, text: string): void;
  note(line: string): void;
}

/** Whether whoever read our output has ended: `| head` has read enough, a terminal was closed. */
export const isReaderGone = (error: Error): boolean => hasCode(error, 'EPIPE', 'EIO');

export const createOutput = ({ json = false }: OutputOptions): Output => ({
  json,
  result: (value, text) => {
    process.stdout.write(`${json ? JSON.stringify(value) : text}\n`);
  },
  note: (line) => {
    process.stderr.write(`${line}\n`);
  },
});
