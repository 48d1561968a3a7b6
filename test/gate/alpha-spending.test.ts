import quantile from '@stdlib/stats-base-dists-normal-quantile';
import { expect, test } from 'vitest';
import { spendAlpha } from '../../src/gate/alpha-spending.js';
import { seededRandom } from '../support/seeded-random.js';

const boundaries = (looks: number[], alpha = 0.025) =>
  spendAlpha({ alpha, looks }).map(({ nominalAlpha }) => quantile(1 - nominalAlpha, 0, 1));

test.each([
  // Pocock-type Lan–DeMets boundaries as ld98 and gsDesign print them, to the digits that they print
  [
    [1, 2],
    [2.157, 2.201],
  ],
  [
    [1, 2, 3, 4, 5],
    [2.438, 2.427, 2.41, 2.397, 2.386],
  ],
])('gives the published boundaries for looks at %j', (looks, published) => {
  for (const [index, boundary] of boundaries(looks).entries()) expect(boundary).toBeCloseTo(published[index] ?? 0, 3);
});

test.each([
  ['looks that double', [16, 32, 64]],
  ['a last look that adds one article', [16, 32, 64, 65]],
])('spends what it says on simulated paths: %s', (_, looks) => {
  const levels = spendAlpha({ alpha: 0.05, looks });
  const bounds = boundaries(looks, 0.05);
  const { normal } = seededRandom(11);
  const paths = 100_000;
  const crossings = looks.map(() => 0);
  for (let path = 0; path < paths; path += 1) {
    let [sum, seen] = [0, 0];
    const first = looks.findIndex((articles, index) => {
      sum += Math.sqrt(articles - seen) * normal();
      seen = articles;
      return sum / Math.sqrt(articles) > (bounds[index] ?? 0);
    });
    for (let index = first; first >= 0 && index < looks.length; index += 1)
      crossings[index] = (crossings[index] ?? 0) + 1;
  }
  // 0.25 points are more than three standard errors of 100,000 draws at 5 %
  for (const [index, level] of levels.entries()) {
    expect(Math.abs((crossings[index] ?? 0) / paths - level.spentAlpha)).toBeLessThan(0.0025);
  }
});

test('gives a single look all of it, and never more than all of it to many', () => {
  expect(spendAlpha({ alpha: 0.05, looks: [64] })).toEqual([{ nominalAlpha: 0.05, spentAlpha: 0.05 }]);
  const many = spendAlpha({ alpha: 0.05, looks: [16, 32, 64, 128, 256, 512, 1024, 2048, 4096] });
  expect(many.at(-1)?.spentAlpha).toBeCloseTo(0.05, 12);
  expect(many.every(({ nominalAlpha }) => nominalAlpha > 0 && nominalAlpha < 0.05)).toBe(true);
});
