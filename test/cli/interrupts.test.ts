import { setTimeout as delay } from 'node:timers/promises';
import { expect, onTestFinished, test } from 'vitest';
import { onInterrupt } from '../../src/cli/interrupts.js';

test('one Ctrl-C that comes twice, from the terminal and from npm, counts once; the next one counts', async () => {
  const calls: string[] = [];
  onTestFinished(
    onInterrupt(
      () => calls.push('first'),
      () => calls.push('second'),
    ),
  );
  process.emit('SIGINT');
  process.emit('SIGINT');
  expect(calls).toEqual(['first']);
  await delay(300);
  process.emit('SIGINT');
  expect(calls).toEqual(['first', 'second']);
});
