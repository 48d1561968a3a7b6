import type { ActivityDependencies } from './dependencies.js';

/**
 * The pids of all that is left on this host of a job, which is who holds a GPU lease: its tool's processes in whatever session
 * they are, and those in its container. Empty when nothing of it can hold a GPU any more.
 */
export async function processesOfHolder(
  { jobs, launcher }: Pick<ActivityDependencies, 'jobs' | 'launcher'>,
  holder: string,
): Promise<number[]> {
  const ofJob = await jobs.processesOf(holder);
  return [...new Set([...ofJob, ...(await launcher.processesOf(holder, ofJob))])];
}
