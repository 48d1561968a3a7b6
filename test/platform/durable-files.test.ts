import { readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { writeDurably } from '../../src/platform/durable-files.js';
import { smallDisk } from './hub/small-disk.js';

test('what a full disk does not take is not left half-written', async ({ skip }) => {
  const disk = await smallDisk({ kibibytes: 64, inodes: 20 });
  if (disk === undefined) return skip('nobody may mount here');
  await writeFile(join(disk, 'filler'), Buffer.alloc(64 * 1024));
  await expect(writeDurably(join(disk, 'record'), '{}')).rejects.toThrow('ENOSPC');
  expect(await readdir(disk)).toEqual(['filler']);
});
