import { type Check, ok, warn } from '../check.js';

export const quarantine: Check = {
  name: 'quarantine',
  beforeTools: false,
  async run({ leases }) {
    const { quarantined } = await leases.report();
    if (quarantined.length === 0) return [ok('no device')];
    return quarantined.map(({ index, uuid, reason, pids, since }) =>
      warn(
        `GPU ${index} (${uuid}) since ${since}: ${reason}${pids.length === 0 ? '' : ` (${pids.join(', ')})`}`,
        pids.length === 0
          ? 'Look at `nvidia-smi`; the next step that needs it looks again.'
          : `End them (\`kill -9 ${pids.join(' ')}\`); the next step that needs it looks again. Ones that stay hang in the driver: reset the GPU, or reboot.`,
      ),
    );
  },
};
