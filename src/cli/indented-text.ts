import wrapAnsi from 'wrap-ansi';

const COLUMNS = 80;

/** A text for a terminal of 80 columns, each of its lines after `indent`. */
export const indentedText = (text: string, indent: string): string =>
  wrapAnsi(text, COLUMNS - indent.length, { hard: true }).replace(/^/gm, indent);
