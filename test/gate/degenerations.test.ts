import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { z } from 'zod';
import { findDegenerations } from '../../src/gate/degenerations.js';

const articles = ['train', 'test'].flatMap((split) =>
  readFileSync(new URL(`../../toolchain-cpu/data/cnn_dailymail/${split}.jsonl`, import.meta.url), 'utf8')
    .trim()
    .split('\n')
    .map((line) => z.object({ article: z.string(), highlights: z.string() }).parse(JSON.parse(line))),
);

/** One sentence of news, said in each of them. */
const sentences = {
  Chinese: '市议会决定用电动机芯替换旧钟的机械装置，居民们对此并不满意，因为他们更喜欢原来的钟声。',
  English:
    'The town council has decided to replace the old clock with an electric movement, and the people are not happy.',
  French:
    'Le conseil municipal a décidé de remplacer le vieux mécanisme par un moteur électrique, et les habitants ne sont pas contents.',
  German:
    'Der Stadtrat hat beschlossen, das alte Uhrwerk durch ein elektrisches zu ersetzen, und die Bürger sind damit nicht zufrieden.',
  Korean: '시의회는 오래된 시계 장치를 전동식으로 교체하기로 결정했지만 주민들은 이에 만족하지 않는다.',
  Polish:
    'Rada miasta postanowiła zastąpić stary mechanizm napędem elektrycznym, a mieszkańcy nie są z tego zadowoleni.',
  Russian: 'Городской совет решил заменить старый механизм электрическим, и жители этим недовольны.',
  Spanish:
    'El ayuntamiento ha decidido sustituir el viejo mecanismo por un motor eléctrico y los vecinos no están contentos con ello.',
};
const languages = Object.entries(sentences);

const english = { reference: sentences.English, question: sentences.English };

test('finds nothing wrong with any reference or article of the dataset, nor with parts of them', () => {
  expect(articles.length).toBeGreaterThanOrEqual(136);
  for (const { article, highlights } of articles) {
    const parts = [highlights, article, ...highlights.split('\n'), article.slice(0, 400)];
    for (const text of parts) {
      expect(findDegenerations({ text, reference: highlights, question: article }), text).toEqual([]);
    }
  }
});

test.each(['', ' \n\t', '…', '."\n'])('calls %j empty', (text) => {
  expect(findDegenerations({ text, ...english })).toEqual(['empty']);
});

test.each(languages)(
  'finds a loop of one to twelve words at the end of an article, cut off anywhere, in %s',
  (_, sentence) => {
    const spaced = sentence.includes(' ') && !/\p{Script=Han}/u.test(sentence);
    const words = spaced ? sentence.split(' ') : [...sentence];
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 12 }),
        fc.integer({ min: 0, max: Math.max(0, words.length - 12) }),
        fc.integer({ min: 0, max: 30 }),
        fc.boolean(),
        (count, from, cut, afterProse) => {
          const unit = words.slice(from, from + count).join(spaced ? ' ' : '') + (spaced ? ' ' : '');
          const loop = unit.repeat(Math.max(4, Math.ceil(160 / unit.length)));
          const text = `${afterProse ? sentence : ''} ${loop.slice(0, loop.length - Math.min(cut, unit.length))}`;
          expect(findDegenerations({ text, reference: sentence, question: sentence })).toContain('repetition');
        },
      ),
      { numRuns: 60, seed: 5 },
    );
  },
);

test.each(['!'.repeat(60), 'the the the the the the the the', '是的'.repeat(14)])('finds the loop in %j', (text) => {
  expect(findDegenerations({ text, reference: text, question: '' })).toContain('repetition');
});

test.each(['No, no, no!', 'Yes.', 'Row, row, row your boat', '2, 4, 6, 8, 10, 12, 14, 16, 18, 20'])(
  'takes %j for an answer',
  (text) => {
    expect(findDegenerations({ text, ...english })).toEqual([]);
  },
);

const pairs = languages.flatMap(([written, text]) =>
  languages
    .filter(([expected]) => expected !== written)
    .map(([expected, reference]) => ({ written, text, expected, reference })),
);

test.each(pairs)('sees that an answer is $written where $expected was expected', ({ text, reference }) => {
  expect(findDegenerations({ text, reference, question: reference })).toEqual(['other-language']);
  expect(findDegenerations({ text, reference, question: '' })).toEqual(['other-language']);
});

test.each(pairs)(
  'accepts an answer in $written, the language of the question, whatever the reference',
  ({ text, reference }) => {
    expect(findDegenerations({ text, reference, question: text })).toEqual([]);
  },
);

test('claims nothing where too little is written to tell', () => {
  expect(findDegenerations({ text: 'Bonn', reference: 'Paris', question: 'Where?' })).toEqual([]);
  expect(findDegenerations({ text: sentences.German, reference: 'Paris', question: '' })).toEqual([]);
  expect(findDegenerations({ text: '42', ...english })).toEqual([]);
  expect(findDegenerations({ text: sentences.German, reference: '42', question: '' })).toEqual([]);
});
