import { type ParsedScript, parse } from 'unbash';
import { EnginesmithFailure } from '../../contracts/failures.js';

/** unbash takes the square of the length of what is nested too deeply: a second at this size, on a slow machine. */
const MAXIMUM_CHARACTERS = 128 * 1024;

/** It takes the square of a line's here-documents, too. Nobody writes this many. */
const MAXIMUM_HEREDOCS = 500;

/**
 * Parses shell text, in a time that is bounded whatever the text is.
 * @param line where it begins
 * @throws EnginesmithFailure `InvalidSpec` naming the line
 */
export function parseShell(text: string, line: number): ParsedScript {
  const tooLarge =
    text.length > MAXIMUM_CHARACTERS
      ? `more than ${MAXIMUM_CHARACTERS / 1024} KiB of shell`
      : text.split('<<').length > MAXIMUM_HEREDOCS
        ? `more than ${MAXIMUM_HEREDOCS} here-documents`
        : null;
  if (tooLarge === null) return parse(text);
  throw new EnginesmithFailure(
    'InvalidSpec',
    `line ${line}: ${tooLarge} in one block; import the part that has the commands`,
    { context: { line } },
  );
}
