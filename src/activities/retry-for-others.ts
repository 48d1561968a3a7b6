import { activityInfo } from '@temporalio/activity';

const SHORTEST_MS = 2_000;
const LONGEST_MS = 60_000;
/** Who has waited long can wait a little longer. */
const PART_OF_THE_WAIT = 1 / 4;

/**
 * How soon the running activity looks again for what another pipeline makes, or stands in the line for. Hundreds may wait for
 * one baseline: asking every second or two each, they would leave the workers' slots to nobody else.
 */
export function retryForOthersMs(): number {
  const waitedMs = Date.now() - activityInfo().scheduledTimestampMs;
  return Math.min(LONGEST_MS, Math.max(SHORTEST_MS, waitedMs * PART_OF_THE_WAIT));
}
