/**
 * Porter's suffix stripping as NLTK does it by default (its own extensions on), because rouge-score stems with that. The
 * npm stemmers follow the 1980 paper and give another stem for more than one word in a hundred ("displayed", "keys",
 * "dying"), which moves a ROUGE score: so the rules stand here, and a word list made by NLTK holds them to it.
 */

interface Rule {
  suffix: string;
  replacement: string;
  /** Whether the rule applies to what is left of the word. Only the first rule whose suffix matches is ever tried. */
  applies: (stem: string) => boolean;
}

/** A digit counts as a consonant; a `y` is one only where no consonant stands before it. */
function consonants(word: string): boolean[] {
  const flags: boolean[] = [];
  for (const letter of word) {
    flags.push(letter === 'y' ? flags.at(-1) !== true : !'aeiou'.includes(letter));
  }
  return flags;
}

/** Porter's m: how often a vowel is followed by a consonant. */
function measure(stem: string): number {
  return consonants(stem).filter((consonant, index, flags) => consonant && flags[index - 1] === false).length;
}

const always = () => true;
const measureAbove0 = (stem: string) => measure(stem) > 0;
const measureAbove1 = (stem: string) => measure(stem) > 1;
const containsVowel = (stem: string) => consonants(stem).includes(false);

function endsInDoubleConsonant(word: string): boolean {
  return word.length >= 2 && word.at(-1) === word.at(-2) && consonants(word).at(-1) === true;
}

/** Consonant, vowel, consonant other than w, x, y; NLTK also takes a two-letter word of vowel and consonant. */
function endsInShortSyllable(word: string): boolean {
  const [first, second, third] = consonants(word).slice(-3);
  if (word.length === 2) return first === false && second === true;
  return first === true && second === false && third === true && !'wxy'.includes(word.slice(-1));
}

function applyFirst(word: string, rules: readonly Rule[]): string {
  const rule = rules.find(({ suffix }) => word.endsWith(suffix));
  if (rule === undefined) return word;
  const stem = word.slice(0, word.length - rule.suffix.length);
  return rule.applies(stem) ? stem + rule.replacement : word;
}

/** Reads `ational>ate ness>` as rules that share one condition. */
function rules(table: string, applies: Rule['applies']): Rule[] {
  return table.split(' ').map((entry) => {
    const [suffix = '', replacement = ''] = entry.split('>');
    return { suffix, replacement, applies };
  });
}

const irregular = new Map(
  Object.entries({
    skies: 'sky',
    dying: 'die',
    lying: 'lie',
    tying: 'tie',
    innings: 'inning',
    outings: 'outing',
    cannings: 'canning',
  }),
);
const invariable = new Set('sky news inning outing canning howe proceed exceed succeed'.split(' '));

const plurals = rules('sses>ss ies>i ss>ss s>', always);
const doubleSuffixes = rules(
  'ational>ate tional>tion enci>ence anci>ance izer>ize bli>ble alli>al entli>ent eli>e ousli>ous ization>ize ation>ate ' +
    'ator>ate alism>al iveness>ive fulness>ful ousness>ous aliti>al iviti>ive biliti>ble fulli>ful',
  measureAbove0,
).concat({ suffix: 'logi', replacement: 'log', applies: (stem) => measureAbove0(`${stem}l`) });
const adjectives = rules('icate>ic ative> alize>al iciti>ic ical>ic ful> ness>', measureAbove0);
const endings = rules('al> ance> ence> er> ic> able> ible> ant> ement> ment> ent>', measureAbove1).concat(
  { suffix: 'ion', replacement: '', applies: (stem) => measureAbove1(stem) && /[st]$/.test(stem) },
  rules('ou> ism> ate> iti> ous> ive> ize>', measureAbove1),
);
const restoredEndings = rules('at>ate bl>ble iz>ize', always);

const removePlural = (word: string) => (/^.ies$/.test(word) ? word.slice(0, -1) : applyFirst(word, plurals));

function removePastAndProgressive(word: string): string {
  if (word.endsWith('ied')) return word.slice(0, word.length === 4 ? -1 : -2);
  if (word.endsWith('eed')) return applyFirst(word, rules('eed>ee', measureAbove0));
  const stem = applyFirst(word, rules('ed> ing>', containsVowel));
  if (stem === word) return word;
  const restored = applyFirst(stem, restoredEndings);
  if (restored !== stem) return restored;
  if (endsInDoubleConsonant(stem)) return /[lsz]$/.test(stem) ? stem : stem.slice(0, -1);
  return measure(stem) === 1 && endsInShortSyllable(stem) ? `${stem}e` : stem;
}

function turnFinalY(word: string): string {
  const stem = word.slice(0, -1);
  return word.endsWith('y') && stem.length > 1 && consonants(stem).at(-1) === true ? `${stem}i` : word;
}

function simplifyDoubleSuffix(word: string): string {
  // "-alli" goes first, and what it leaves ("-ational" of "nationalli") may shrink once more
  const once = applyFirst(word, rules('alli>al', measureAbove0));
  return once === word ? applyFirst(word, doubleSuffixes) : simplifyDoubleSuffix(once);
}

function removeFinalE(word: string): string {
  const stem = word.slice(0, -1);
  if (!word.endsWith('e')) return word;
  return measure(stem) > 1 || (measure(stem) === 1 && !endsInShortSyllable(stem)) ? stem : word;
}

const singleFinalL = (word: string) =>
  word.endsWith('ll') && measureAbove1(word.slice(0, -1)) ? word.slice(0, -1) : word;

/**
 * The stem of a lower-case token of letters and digits, equal to `PorterStemmer().stem(token)` of NLTK 3.
 */
export function stem(word: string): string {
  const known = irregular.get(word);
  if (known !== undefined) return known;
  if (word.length <= 2 || invariable.has(word)) return word;
  const inflected = turnFinalY(removePastAndProgressive(removePlural(word)));
  const derived = applyFirst(applyFirst(simplifyDoubleSuffix(inflected), adjectives), endings);
  return singleFinalL(removeFinalE(derived));
}
