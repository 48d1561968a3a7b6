import { until } from '../../support/until.js';
import { type FaultContext, secondsSince } from './fault.js';

/**
 * For a fault that ends no attempt: seconds until the workflow's history goes on.
 * @param atMs when the fault was
 */
export async function untilHistoryGoesOn(
  { environment: { client }, workflowId }: FaultContext,
  atMs: number,
): Promise<number> {
  const eventAtMs = await until('the next event', async () => {
    const { events } = await client.workflow.getHandle(workflowId).fetchHistory();
    return (events ?? [])
      .map(({ eventTime }) => Number(eventTime?.seconds ?? 0) * 1000 + (eventTime?.nanos ?? 0) / 1e6)
      .find((timeMs) => timeMs > atMs);
  });
  return secondsSince(atMs, eventAtMs);
}
