import { ActivityFailure, ApplicationFailure, RetryState } from '@temporalio/common';
import { describe, expect, test } from 'vitest';
import type { ArtifactReference, Digest } from '../../src/contracts/artifacts.js';
import { Remaking } from '../../src/workflows/remaking.js';

const checkpoint = (digest: Digest): ArtifactReference => ({ kind: 'checkpoint', digest, bytes: 1 });

/** What an activity fails with that found an artifact corrupt. */
const corrupt = (digest: Digest): ActivityFailure =>
  new ActivityFailure(
    'an activity failed',
    'build',
    '1',
    RetryState.NON_RETRYABLE_FAILURE,
    undefined,
    ApplicationFailure.nonRetryable('it is in quarantine', 'ArtifactCorrupt', { digest }),
  );

/** A store of digests, of which some are corrupt until they are made again. */
function scenario({ madeAgainAs = 'old', isAllowed = true } = {}) {
  const broken = new Set(['old']);
  const remaking = new Remaking(
    () => isAllowed,
    () => true,
  );
  const counts = { made: 0 };
  remaking.madeBy('old', async () => {
    counts.made += 1;
    if (madeAgainAs === 'old') broken.delete('old');
    return checkpoint(madeAgainAs);
  });
  const read = async ({ checkpoint: digest }: { checkpoint: Digest }): Promise<Digest> => {
    if (broken.has(digest)) throw corrupt(digest);
    return digest;
  };
  return { remaking, broken, counts, read: () => remaking.withWhole({ checkpoint: 'old' }, read) };
}

describe('an input that turns out to be corrupt', () => {
  test('is made again, and what reads it goes on', async () => {
    const { read, counts } = scenario();
    expect(await read()).toBe('old');
    expect(counts.made).toBe(1);
  });

  test('is made again once for all that read it at the same time', async () => {
    const { read, counts } = scenario();
    expect(await Promise.all([read(), read(), read()])).toEqual(['old', 'old', 'old']);
    expect(counts.made).toBe(1);
  });

  test('that is corrupt once more ends what reads it', async () => {
    const { read, broken, counts } = scenario();
    await read();
    broken.add('old');
    await expect(read()).rejects.toMatchObject({ cause: { type: 'ArtifactCorrupt' } });
    expect(counts.made).toBe(1);
  });

  test('gives way to what came out instead, for all that read it later too', async () => {
    const { remaking, read } = scenario({ madeAgainAs: 'new' });
    expect(await read()).toBe('new');
    expect(await read()).toBe('new');
    expect(remaking.current(checkpoint('old')).digest).toBe('new');
  });

  test('and comes out otherwise while another step reads it: that one reads the new one as well', async () => {
    const { remaking, broken, read } = scenario({ madeAgainAs: 'new' });
    broken.delete('old');
    const begun: Digest[] = [];
    let letGo = (): void => {};
    const replaced = new Promise<void>((resolve) => {
      letGo = resolve;
    });
    const slow = remaking.withWhole({ checkpoint: 'old' }, async ({ checkpoint: digest }) => {
      begun.push(digest);
      if (digest === 'old') await replaced;
      return digest;
    });
    broken.add('old');
    expect(await read()).toBe('new');
    letGo();
    expect(await slow).toBe('new');
    expect(begun).toEqual(['old', 'new']);
  });

  test('and comes out otherwise after a step has used it ends the run: its results are of another artifact', async () => {
    const { read, broken } = scenario({ madeAgainAs: 'new' });
    broken.delete('old');
    await read();
    broken.add('old');
    await expect(read()).rejects.toMatchObject({
      type: 'ArtifactCorrupt',
      details: [{ digest: 'old', remade: 'new' }],
    });
  });

  test('is not made again by a pipeline that replays a history in which it was not', async () => {
    const { read, counts } = scenario({ isAllowed: false });
    await expect(read()).rejects.toMatchObject({ cause: { type: 'ArtifactCorrupt' } });
    expect(counts.made).toBe(0);
  });

  test('that the run has not made is nobody here to make again', async () => {
    const { remaking } = scenario();
    const read = remaking.withWhole({ checkpoint: 'pinned' }, async () => Promise.reject(corrupt('pinned')));
    await expect(read).rejects.toMatchObject({ cause: { type: 'ArtifactCorrupt' } });
  });
});

test('any other failure passes through', async () => {
  const { remaking, counts } = scenario();
  const failing = remaking.withWhole({ checkpoint: 'old' }, async () => Promise.reject(new Error('out of luck')));
  await expect(failing).rejects.toThrow('out of luck');
  expect(counts.made).toBe(0);
});
