import { EnginesmithFailure } from '../contracts/failures.js';

/**
 * Reads what run.py (v0.9 to v0.13) prints: for each input `Input [Text i]: "…"`, then `Output [Text i Beam 0]: "…"`. Texts
 * are printed as they are, quotes and line breaks included, so a text ends where the next input begins.
 *
 * @returns the texts by the place of their inputs
 * @throws EnginesmithFailure `ToolOutputInvalid` when not every input has exactly one answer
 */
export function parseRunOutput(log: string, inputs: number): string[] {
  const texts = new Map<number, string>();
  const starts = [...`\n${log}`.matchAll(/\nInput \[Text (\d+)\]: "/g)];
  for (const [place, start] of starts.entries()) {
    const block = `\n${log}`.slice(start.index, starts[place + 1]?.index);
    const output = /\nOutput \[Text (\d+) Beam 0\]: "([\s\S]*)"/.exec(block);
    if (output?.[1] !== start[1] || output?.[2] === undefined) continue;
    texts.set(Number(start[1]), output[2]);
  }
  const expected = Array.from({ length: inputs }, (_, index) => texts.get(index));
  const complete = expected.filter((text) => text !== undefined);
  if (starts.length === inputs && complete.length === inputs) return complete;
  throw new EnginesmithFailure(
    'ToolOutputInvalid',
    `run.py was asked ${inputs} prompts and printed ${starts.length} inputs with ${complete.length} answers. A prompt or an ` +
      'answer may look like its own headers, "Input [Text 0]"; else see the tool’s log.',
    { context: { expected: inputs, found: complete.length } },
  );
}
