import { francAll } from 'franc-min';

/** Fewer letters do not say which language they are; their script still does. */
const fewestLettersOfLanguage = 60;
const fewestLettersOfScript = 12;
/** Share of a text's letters that one script must have to be the text's. */
const dominantShare = 0.7;
/** How near, 0 to 1, the expected language may score to the likeliest one of a text that is called another language. */
const nearestScore = 0.75;

/** Han and kana are one here: Japanese mixes them. */
const scripts: Record<string, RegExp> = {
  latin: /\p{Script=Latin}/gu,
  cyrillic: /\p{Script=Cyrillic}/gu,
  greek: /\p{Script=Greek}/gu,
  arabic: /\p{Script=Arabic}/gu,
  hebrew: /\p{Script=Hebrew}/gu,
  devanagari: /\p{Script=Devanagari}/gu,
  thai: /\p{Script=Thai}/gu,
  hangul: /\p{Script=Hangul}/gu,
  han: /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}]/gu,
};

const countMatches = (text: string, pattern: RegExp) => text.match(pattern)?.length ?? 0;

const countLetters = (text: string) => countMatches(text, /\p{L}/gu);

/** The script of most letters; undefined where none dominates. */
function scriptOf(text: string): string | undefined {
  const enough = dominantShare * countLetters(text);
  return Object.entries(scripts).find(([, pattern]) => enough > 0 && countMatches(text, pattern) >= enough)?.[0];
}

/** How well each language fits, best first, 1 for the best; empty where there are too few letters to tell. */
function languagesOf(text: string): Map<string, number> {
  return new Map(countLetters(text) < fewestLettersOfLanguage ? [] : francAll(text));
}

const likeliest = (languages: Map<string, number>) => languages.keys().next().value ?? 'und';

/** Whether the text is in another language than `expected`, as far as can be told; undefined where it cannot. */
function differs(text: string, expected: string): boolean | undefined {
  const [script, expectedScript] = [scriptOf(text), scriptOf(expected)];
  if (script === undefined || expectedScript === undefined) return undefined;
  if (script !== expectedScript) return countLetters(text) >= fewestLettersOfScript;
  const languages = languagesOf(text);
  const expectedLanguage = likeliest(languagesOf(expected));
  if (languages.size === 0 || expectedLanguage === 'und') return undefined;
  return likeliest(languages) !== expectedLanguage && (languages.get(expectedLanguage) ?? 0) < nearestScore;
}

/**
 * Whether a text is surely in another language than both its reference and its question. Where one of them has no letters
 * the other one decides; where either is too short to tell, nothing is claimed.
 */
export function isOtherLanguage(text: string, reference: string, question: string): boolean {
  const expected = [reference, question].filter((each) => countLetters(each) > 0);
  return expected.length > 0 && expected.every((each) => differs(text, each) === true);
}
