import { killSession } from '../../platform/process/kill-session.js';
import { readDevRecord, removeDevRecord } from './dev-record.js';

/** The worker lets its activities notice; Temporal writes its database. */
export const partGraceMs: Readonly<Record<string, number>> = {
  worker: 20_000,
  evidence: 5_000,
  hub: 5_000,
  temporal: 10_000,
};

/**
 * Ends the parts of a `dev` that was killed and could not do it. Only for who has the home's lock: then they are nobody's.
 * @param note told when there are some
 */
export async function endLeftovers(home: string, note: (line: string) => void): Promise<void> {
  const killed = await readDevRecord(home);
  if (killed === undefined) return;
  note('The last embedded environment of this home was killed; ending what it left.');
  const newestFirst = [...killed.children].reverse();
  for (const { name, process } of newestFirst) await killSession(process, { graceMs: partGraceMs[name] ?? 0 });
  await removeDevRecord(home);
}
