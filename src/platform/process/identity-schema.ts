import * as z from 'zod';
import type { ProcessIdentity } from './process-identity.js';

/** A process identity as records on disk hold it. Apart from its type, so that the supervisor does without zod. */
export const processIdentitySchema: z.ZodType<ProcessIdentity> = z.object({
  pid: z.int().positive(),
  startTimeTicks: z.int(),
  bootId: z.string(),
});
