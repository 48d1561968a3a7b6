import { expect, test } from 'vitest';
import { sharedWords } from '../../../src/gate/evidence-page/shared-words.js';

test('marks words that the reference has too, as stems and in any case, with what stands between them', () => {
  expect(sharedWords('The mayors, opening it, SPOKE of bridges.', 'A mayor opened the bridge; he spoke.')).toEqual([
    { text: 'The mayors, opening', shared: true },
    { text: ' it, ', shared: false },
    { text: 'SPOKE', shared: true },
    { text: ' of ', shared: false },
    { text: 'bridges', shared: true },
    { text: '.', shared: false },
  ]);
});

test.each(['', '钟楼 €', ' a ', 'one\ntwo  three'])('loses nothing of %j', (text) => {
  const pieces = sharedWords(text, 'a two');
  expect(pieces.map((piece) => piece.text).join('')).toBe(text);
});
