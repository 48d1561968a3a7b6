import { storeLayout } from '../../../src/platform/store/layout.js';
import { createPresence } from '../../../src/platform/store/presence.js';

/** A collector that is killed between its two steps: it has taken an artifact, and not moved it away. Arguments: store, digest. */
const [directory = '', digest = ''] = process.argv.slice(2);
const mark = await createPresence(storeLayout(directory)).condemn(digest);
if (!(await mark?.take())) throw new Error('there was nothing to take');
process.stdout.write('taken\n');
process.kill(process.pid, 'SIGKILL');
