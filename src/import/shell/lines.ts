import type { ShellBlock } from '../page.js';

/** Says in which line of the page a place of a block is. */
export function lineCounter({ text, firstLine }: ShellBlock): (position: number) => number {
  const starts = [0];
  for (let end = text.indexOf('\n'); end !== -1; end = text.indexOf('\n', end + 1)) starts.push(end + 1);
  return (position) => {
    let low = 0;
    let high = starts.length - 1;
    while (low < high) {
      const middle = Math.ceil((low + high) / 2);
      if ((starts[middle] ?? 0) <= position) low = middle;
      else high = middle - 1;
    }
    return firstLine + low;
  };
}
