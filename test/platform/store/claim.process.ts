import { once } from 'node:events';
import { createClaims } from '../../../src/platform/store/claims.js';

/** Claims a key in a process of its own, when told to by a line on stdin; prints the outcome. Arguments: directory, key, owner. Ends with stdin. */
const [directory = '', key = '', owner = ''] = process.argv.slice(2);
process.stdout.write('ready\n');
await once(process.stdin, 'data');
const outcome = await createClaims({ directory }).claim({ key, owner, ttlMs: 60_000 });
process.stdout.write(
  `${JSON.stringify('heldBy' in outcome ? { heldBy: outcome.heldBy } : { fence: outcome.fence })}\n`,
);
// A claim of a process that has ended is anybody's.
await once(process.stdin, 'end');
