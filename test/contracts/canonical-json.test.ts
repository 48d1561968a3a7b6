import { describe, expect, test } from 'vitest';
import { canonicalDigest, canonicalJson } from '../../src/contracts/canonical-json.js';

describe('canonicalJson', () => {
  test('gives the text that the example of RFC 8785 gives', () => {
    const value: unknown = JSON.parse(String.raw`{
      "numbers": [333333333.33333329, 1E30, 4.50, 2e-3, 0.000000000000000000000000001],
      "string": "\u20ac$\u000F\u000aA'\u0042\u0022\u005c\\\"\/",
      "literals": [null, true, false]
    }`);
    expect(canonicalJson(value)).toBe(
      String.raw`{"literals":[null,true,false],"numbers":[333333333.3333333,1e+30,4.5,0.002,1e-27],"string":"€$\u000f\nA'B\"\\\\\"/"}`,
    );
  });

  test('does not depend on the order of keys, at any depth', () => {
    expect(canonicalDigest({ a: { b: 1, c: 2 }, d: [] })).toBe(canonicalDigest({ d: [], a: { c: 2, b: 1 } }));
  });

  test.each([
    ['undefined', { outer: { inner: undefined } }, 'outer.inner'],
    ['NaN', { outer: { inner: Number.NaN } }, 'outer.inner'],
    ['infinity', [1, Number.POSITIVE_INFINITY], '1'],
    ['a date', { at: new Date(0) }, 'at'],
    ['undefined by itself', undefined, 'the value itself'],
  ])('refuses %s and says where it stands', (_name, value, path) => {
    expect(() => canonicalJson(value)).toThrow(expect.objectContaining({ type: 'InvalidSpec', context: { path } }));
  });
});
