/** A number with a minus as wide as a plus; one that rounds to nothing has no sign. */
export function decimal(value: number, digits: number): string {
  const rounded = Math.abs(value).toFixed(digits);
  return value < 0 && Number(rounded) !== 0 ? `−${rounded}` : rounded;
}

/** A measured share of 1 in percent. */
export const percent = (share: number): string => `${decimal(100 * share, 1)}\u00A0%`;

/** A share that somebody chose, in percent, with the digits that it was chosen with. */
export const chosenPercent = (share: number): string => `${Number((100 * share).toFixed(2))}\u00A0%`;

/** A value in its unit, as the contracts name units; the unit itself is written once, beside the table's name. */
export function inUnit(value: number, unit: string): string {
  if (unit.startsWith('share')) return percent(value);
  if (unit === 'texts') return decimal(value, 0);
  if (unit === 'perplexity') return decimal(value, 2);
  return decimal(value, 4);
}
