import { Context } from '@temporalio/activity';
import type { HeartbeatDetails } from '../contracts/step-progress.js';
import { createPace } from '../toolchains/progress/pace.js';
import type { ToolProgress } from '../toolchains/progress/tool-progress.js';

/** Of each running activity: what its next heartbeat says. */
const latest = new WeakMap<Context, HeartbeatDetails>();

/** What a running activity says with its heartbeats; undefined for one that tells nothing. */
export const heartbeatDetails = (context: Context): HeartbeatDetails | undefined => latest.get(context);

/**
 * Lets the heartbeats of the running activity say how far it is: those that follow carry the newest progress.
 * @returns to be told of each progress, as often as there is one
 */
export function createProgressReport(about: Pick<HeartbeatDetails, 'step' | 'host'>): (progress: ToolProgress) => void {
  const context = Context.current();
  const pace = createPace();
  // An attempt that tells nothing yet is still one that runs, on that host.
  latest.set(context, { ...about, progress: null });
  return (progress) => latest.set(context, { ...about, progress: pace(progress, performance.now()) });
}
