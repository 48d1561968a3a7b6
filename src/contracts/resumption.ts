import * as z from 'zod';

/** A revision of a repository, and the commit that an earlier run pinned it to. */
const pinnedRevision = z.strictObject({
  kind: z.enum(['model', 'dataset']),
  repository: z.string().min(1),
  revision: z.string().min(1),
  /** 40 hex digits. */
  commit: z.string().regex(/^[0-9a-f]{40}$/, 'must be a commit'),
});

/**
 * How a pipeline goes on from an earlier run of its own: the optional second argument of its workflow. The first one, the
 * spec, is what that run was given.
 */
export const resumptionSchema = z.strictObject({
  /** Temporal's id of the earlier run. */
  of: z.string().min(1),
  /** A branch that has moved since does not change the model: empty where the earlier run was never admitted. */
  pins: z.array(pinnedRevision).default([]),
  /** The step that is made anew with all that depend on it, whatever the store has; absent: nothing is. */
  from: z.string().min(1).optional(),
  /** The remake that an earlier run began and did not end: what was made for it counts. Absent: a new one. */
  remake: z.string().min(1).optional(),
});

export type Resumption = z.infer<typeof resumptionSchema>;
export type PinnedRevision = z.infer<typeof pinnedRevision>;
