import { createHash } from 'node:crypto';
import canonicalize from 'canonicalize';
import type { Digest } from './artifacts.js';
import { EnginesmithFailure } from './failures.js';

type JsonValue = string | number | boolean | null | readonly JsonValue[] | JsonObject;

export interface JsonObject {
  readonly [name: string]: JsonValue;
}

/**
 * RFC 8785 canonical JSON: one text for one value, whatever the order of its keys.
 * @throws InvalidSpec for what JSON cannot hold (undefined, NaN, dates …): dropping it silently would make two different
 *   values share a digest.
 */
export function canonicalJson(value: unknown): string {
  const where = pathOfNonJson(value, []);
  const text = where === undefined ? canonicalize(value) : undefined;
  if (text === undefined) {
    const path = where?.join('.') || 'the value itself';
    throw new EnginesmithFailure(
      'InvalidSpec',
      `cannot digest a value that is not JSON: found undefined, NaN or the like at ${path}; leave the key out or use null`,
      { context: { path } },
    );
  }
  return text;
}

/** Lower-case hex sha256 of a value's canonical JSON. Fails as `canonicalJson` does. */
export function canonicalDigest(value: unknown): Digest {
  return createHash('sha256').update(canonicalJson(value)).digest('hex');
}

function pathOfNonJson(value: unknown, path: readonly string[]): readonly string[] | undefined {
  if (value === null || typeof value === 'string' || typeof value === 'boolean') return undefined;
  if (typeof value === 'number') return Number.isFinite(value) ? undefined : path;
  if (!Array.isArray(value) && !isPlainObject(value)) return path;
  for (const [name, item] of Object.entries(value)) {
    const found = pathOfNonJson(item, [...path, name]);
    if (found !== undefined) return found;
  }
  return undefined;
}

function isPlainObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null && [Object.prototype, null].includes(Object.getPrototypeOf(value));
}
