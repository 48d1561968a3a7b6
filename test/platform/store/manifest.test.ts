import { expect, test } from 'vitest';
import type { Manifest } from '../../../src/contracts/artifacts.js';
import { manifestDigest, parseManifest } from '../../../src/platform/store/manifest.js';
import { keyOf } from './store-fixture.js';

/** A manifest as a bucket may hold it: whoever wrote it knew its digest. */
const parsed = (path: string): Manifest | undefined => {
  const files = [{ path, bytes: 1, sha256: keyOf(path) }];
  const manifest: Manifest = { schema: 'enginesmith/artifact/v1', kind: 'engine', files };
  return parseManifest(JSON.stringify(manifest), manifestDigest(manifest));
};

test.each(['rank0.engine', 'ranks/rank0.engine', '..hidden/a..b'])('a file may be named %s', (path) => {
  expect(parsed(path)?.files[0]?.path).toBe(path);
});

test.each(['../a', 'a/../../b', '/etc/passwd', 'a//b', './a', 'a/.', '..', '', 'a\0b'])(
  'a manifest whose file would be written to %j is none',
  (path) => {
    expect(parsed(path)).toBeUndefined();
  },
);
