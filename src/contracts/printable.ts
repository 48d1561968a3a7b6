import { maskSecrets } from './misplaced-values.js';

/** Whatever moves a cursor, changes colours or the direction of writing; line ends and tabs do no harm. */
const CONTROL =
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is looked for
  /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069]/g;

/** Untrusted text as it may stand in a message: without secrets, and without anything that a terminal would obey. */
export const printable = (text: string): string => maskSecrets(text).replaceAll(CONTROL, '\uFFFD');
