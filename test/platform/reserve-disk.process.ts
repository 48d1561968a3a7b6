import { once } from 'node:events';
import { join } from 'node:path';
import { EnginesmithFailure } from '../../src/contracts/failures.js';
import { createDiskLedger } from '../../src/platform/disk-ledger.js';

/** Reserves space in a process of its own, when told to by a line on stdin; prints the outcome. Arguments: home, id, bytes. Ends with stdin. */
const [home = '', id = '', bytes = '0'] = process.argv.slice(2);
const ledger = createDiskLedger({ homes: [home], isActive: async () => false });
process.stdout.write('ready\n');
await once(process.stdin, 'data');
const writesTo = join(home, 'scratch', id);
const outcome = await ledger
  .reserve({ id, step: id, bytes: Number(bytes), writesTo, into: home }, async () => null)
  .then(
    () => 'reserved',
    (failure: unknown) => (failure instanceof EnginesmithFailure ? failure.type : `${failure}`),
  );
process.stdout.write(`${outcome}\n`);
await once(process.stdin, 'end');
