import type { Grant } from './lease-witness.js';

export interface LineOrder {
  /** Grants that took a device from somebody who stood in the line before: none is promised. */
  violations: string[];
  /** Grants that passed somebody in the line, for whom enough devices were left. */
  passed: number;
  /** Places in the line that are not when one of the holder's activities was scheduled. */
  wrongPlaces: string[];
}

/**
 * Holds grants against what ADR 0015 promises: who stands in the line has a place, which is when its activity was scheduled; a
 * free device is kept for whoever came first. Who came first and has not asked yet does not stand in the line.
 * @param scheduledAtMs when the activities of a holder were scheduled, by Temporal
 */
export function judgeOrder(grants: readonly Grant[], scheduledAtMs: ReadonlyMap<string, readonly number[]>): LineOrder {
  const violations: string[] = [];
  const wrongPlaces: string[] = [];
  let passed = 0;
  for (const { holder, since, waiting, freeDevices } of grants) {
    const times = scheduledAtMs.get(holder) ?? [];
    if (since !== undefined && !times.includes(Date.parse(since))) {
      wrongPlaces.push(`${holder} stood in the line since ${since}, and was scheduled at ${times.map(iso).join(', ')}`);
    }
    // Several may ask for what they have in common: it stands where the first of them does.
    const place = Math.min(...times);
    const ahead = waiting.filter((other) => {
      const difference = Date.parse(other.since) - place;
      return difference < 0 || (difference === 0 && other.holder < holder);
    });
    if (ahead.length === 0) continue;
    passed += 1;
    const kept = ahead.reduce((sum, { count }) => sum + count, 0);
    if (kept > freeDevices) {
      const names = ahead.map((other) => `${other.holder} (${other.count}, since ${other.since})`).join(', ');
      violations.push(`${holder} of ${iso(place)} came before ${names}, and ${freeDevices} devices were left`);
    }
  }
  return { violations, passed, wrongPlaces };
}

const iso = (timeMs: number): string => (Number.isFinite(timeMs) ? new Date(timeMs).toISOString() : 'no time');
