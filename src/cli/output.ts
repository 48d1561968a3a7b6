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

export const createOutput = ({ json = false }: OutputOptions): Output => ({
  json,
  result: (value, text) => {
    process.stdout.write(`${json ? JSON.stringify(value) : text}\n`);
  },
  note: (line) => {
    process.stderr.write(`${line}\n`);
  },
});
