/** Written in place of a character that would act on the page rather than show on it. */
const REPLACEMENT = '\uFFFD';

const lineBreaks = /\r\n|[\r\u0085\u2028\u2029]/g;

/** Control characters, half surrogates, and what turns the direction of the text after it. Joiners stay: scripts need them. */
const acting =
  /[^\P{Cc}\n\t]|\p{Cs}|[\u061C\u200E\u200F\u202A-\u202E\u2066-\u2069\uFEFF\uFFF9-\uFFFB\u{E0000}-\u{E007F}]/gu;

export interface VisibleText {
  text: string;
  /** UTF-16 units of the original that are not in `text`; 0 where it is whole. */
  leftOut: number;
}

/** Generated text may hold anything: what a page shows of it is bounded, and each of its characters only shows. */
export function visibleText(original: string, longest: number): VisibleText {
  const text = original.slice(0, longest).replace(lineBreaks, '\n').replace(acting, REPLACEMENT);
  return { text, leftOut: Math.max(0, original.length - longest) };
}
