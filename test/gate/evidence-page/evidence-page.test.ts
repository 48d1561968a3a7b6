import { describe, expect, it } from 'vitest';
import type { GateEvidence } from '../../../src/contracts/gate.js';
import { renderEvidencePage } from '../../../src/gate/evidence-page/evidence-page.js';
import { signedPoints, verdictSentence } from '../../../src/gate/verdict-sentence.js';
import { exampleEvidence, leadOf } from '../../support/gate-evidence.js';

const examples = {
  PASS: exampleEvidence({ articles: 64, margin: 0.3, candidate: (article) => leadOf(article, 3) }),
  FAIL: exampleEvidence({ articles: 32, margin: 0.03, candidate: (article) => leadOf(article, 1).slice(0, 60) }),
  INCONCLUSIVE: exampleEvidence({ margin: 0.03 }),
};

const unescaped = (html: string): string =>
  html
    .replace(/&lt;/g, '<')
    .replace(/&gt;/g, '>')
    .replace(/&quot;/g, '"')
    .replace(/&#39;/g, "'")
    .replace(/&amp;/g, '&');

/** What a reader sees of a piece of HTML, drawings apart. */
const textOf = (html: string): string =>
  unescaped(
    html
      .replace(/<(svg|style)\b[\s\S]*?<\/\1>/g, ' ')
      .replace(/<[^>]*>/g, ' ')
      .replace(/[ \n]+/g, ' '),
  );

/** Every tag: whatever text has a `<` of its own is escaped. */
const tagsOf = (html: string) =>
  [...html.matchAll(/<(\/?)([a-z][a-z0-9]*)\b([^>]*)>/gi)].map(([, closing, name = '', attributes = '']) => ({
    name: `${closing}${name.toLowerCase()}`,
    attributes,
  }));

const articlesOf = (html: string): string[] => [...html.matchAll(/<article [\s\S]*?<\/article>/g)].map(([all]) => all);

describe.each(['PASS', 'FAIL', 'INCONCLUSIVE'] as const)('the page of %s', (verdict) => {
  const evidence = examples[verdict];
  const page = renderEvidencePage(evidence);

  it('says the verdict and its reason first', () => {
    expect(evidence.decision.verdict).toBe(verdict);
    const start = textOf(page.slice(page.indexOf('<main>')));
    expect(start).toMatch(new RegExp(`^ Enginesmith · gate evidence ${verdict} `));
    expect(start.indexOf(verdictSentence(evidence))).toBeLessThan(80);
  });

  it('has a row for every criterion, with its outcome', () => {
    const [, table = ''] = page.match(/<table class="criteria">([\s\S]*?)<\/table>/) ?? [];
    const rows = [...table.matchAll(/class="outcome (\w+)"/g)].map(([, outcome]) => outcome);
    expect(rows).toEqual(evidence.decision.criteria.map(({ outcome }) => outcome));
    const [margin] = evidence.decision.criteria;
    expect(textOf(table)).toContain(
      `${signedPoints(margin?.lowerBound ?? 0)} … ${signedPoints(margin?.upperBound ?? 0)}`,
    );
  });

  it('draws four plots that are described in words', () => {
    const drawings = [...page.matchAll(/<svg role="img" aria-label="([^"]+)"/g)].map(([, label]) => label);
    expect(drawings).toHaveLength(4);
    expect(drawings[3]).toContain(
      `Look ${evidence.decision.look} of 3, after ${evidence.articles.length} of at most 64`,
    );
    expect(page).not.toMatch(/NaN|undefined|Infinity/);
  });

  it('shows the five articles that lost most, and all of them in a table', () => {
    const worst = evidence.articles.toSorted((left, right) => left.difference - right.difference).slice(0, 5);
    const shown = articlesOf(page);
    expect(shown.map((html) => Number(textOf(html).match(/Row (\d+)/)?.[1]))).toEqual(worst.map(({ row }) => row));
    for (const [index, { reference }] of worst.entries()) {
      expect(textOf(shown[index] ?? '')).toContain(reference.split('\n')[0]);
    }
    const [, table = ''] = page.match(/<table class="articles">([\s\S]*?)<\/table>/) ?? [];
    expect(table.match(/<tr>/g)).toHaveLength(evidence.articles.length + 1);
  });

  it('fetches nothing and runs nothing', () => {
    expect(page).toContain(`content="default-src &#39;none&#39;; style-src &#39;unsafe-inline&#39;; img-src data:"`);
    expect(tagsOf(page).filter(({ name }) => /^(script|link|img|iframe|object|embed|base|form)$/.test(name))).toEqual(
      [],
    );
    expect(page.replaceAll('http://www.w3.org/2000/svg', '')).not.toMatch(/https?:|url\((?!#)|@import|\bsrc=|href=/);
  });
});

it('gives the same bytes for the same evidence, whatever was drawn in between', () => {
  const first = renderEvidencePage(examples.FAIL);
  renderEvidencePage(examples.PASS);
  expect(renderEvidencePage(structuredClone(examples.FAIL)) === first).toBe(true);
  const ids = [...first.matchAll(/\bid="([^"]+)"/g)].map(([, id]) => id);
  expect(new Set(ids).size).toBe(ids.length);
});

it('names what is wrong with a text that is no answer, and marks its dot', () => {
  const page = renderEvidencePage(examples.INCONCLUSIVE);
  expect(textOf(page)).toContain('No answer: empty');
  expect(textOf(page)).toContain('No answer: repetition');
  expect(page.match(/fill="var\(--bad\)"/g)?.length).toBeGreaterThanOrEqual(3);
});

it('does without what the evidence does not have', () => {
  const evidence = exampleEvidence({ agreement: false });
  const page = renderEvidencePage({ ...evidence, printed: [], measures: [] });
  expect(textOf(page)).toContain('The scores that summarize.py prints were not at hand.');
  expect(textOf(page)).not.toContain('Beside ROUGE');
  expect(textOf(page)).not.toContain('The engines agree');
});

it('draws the criterion that decided, also where it is not the margin', () => {
  const evidence = structuredClone(examples.PASS);
  const kl = evidence.decision.criteria.find(({ name }) => name === 'kl-divergence');
  if (kl === undefined) throw new Error('the example has no such criterion');
  Object.assign(kl, { outcome: 'FAIL', estimate: 0.4, lowerBound: 0.3, upperBound: 0.5 });
  evidence.decision.verdict = 'FAIL';
  const [, description] = renderEvidencePage(evidence).match(/<svg role="img" aria-label="([^"]+)"/) ?? [];
  expect(description).toBe(
    'KL divergence: 0.4000, between 0.3000 and 0.5000; the limit 0.0500; it has to be below that.',
  );
});

describe('generated text', () => {
  const write = (text: string): GateEvidence => {
    const evidence = structuredClone(examples.INCONCLUSIVE);
    for (const article of evidence.articles) {
      article.question = text;
      article.reference = text;
      article.baseline.text = text;
      article.candidate.text = text;
    }
    return evidence;
  };
  const harmless = tagsOf(renderEvidencePage(write('plain'))).map(({ name }) => name);

  it.each([
    '<script>alert(1)</script>',
    '</div></article></main><img src=x onerror=alert(1)>',
    '"><svg onload=alert(1)>',
    `' onmouseover='alert(1)`,
    '<!-- <![CDATA[ ]]> -->',
    '<% throw new Error() %><%~ it.plots %>',
    '</style><style>body{display:none}</style>',
    '&lt;script&gt; &#60;b&#62; &amp;',
    '$& $1 $` \\',
  ])('shows %j as it is, and is nothing else', (text) => {
    const page = renderEvidencePage(write(text));
    const tags = tagsOf(page);
    expect(tags.map(({ name }) => name).filter((name) => !/^\/?mark$/.test(name))).toEqual(
      harmless.filter((name) => !/^\/?mark$/.test(name)),
    );
    expect(tags.filter(({ attributes }) => /\son\w+=/i.test(attributes))).toEqual([]);
    const shown = unescaped(articlesOf(page)[0]?.replace(/<\/?mark>/g, '') ?? '');
    // Question, reference, baseline and candidate.
    expect(shown.split(text)).toHaveLength(5);
  });

  it('shows control characters, half surrogates and what turns the direction of text as replacement characters', () => {
    const page = renderEvidencePage(write('a\u0000b\u001b[31mc\u202Ed\u200Fe\ud800f\u0085g\tz'));
    expect(page).not.toMatch(/[^\P{Cc}\n\t]|[\u200E\u200F\u202A-\u202E\u2066-\u2069]|\p{Cs}/u);
    expect(textOf(page)).toContain('a\uFFFDb\uFFFD[31mc\uFFFDd\uFFFDe\uFFFDf g\tz');
  });

  it('stays bounded, whatever its length, and says how much is left out', () => {
    const page = renderEvidencePage(write(`${'x'.repeat(100_000)} `));
    expect(page.length).toBeLessThan(300_000);
    expect(textOf(page)).toContain('… 96001 more in evidence.json');
  });
});

it('stays bounded with the most articles that a spec may ask for', () => {
  const [article] = examples.PASS.articles;
  if (article === undefined) throw new Error('the example has no article');
  const articles = Array.from({ length: 4096 }, (_, row) => ({ ...article, row, difference: (row % 97) - 48 }));
  const page = renderEvidencePage({ ...examples.PASS, articles });
  expect(page.length).toBeLessThan(3_000_000);
  expect(page.match(/<path/g)?.length).toBeLessThan(2_000);
});
