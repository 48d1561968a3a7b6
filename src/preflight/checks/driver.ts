import { isVirtual } from '../../platform/gpus/device.js';
import { type Check, fail, ok } from '../check.js';

/**
 * Every CUDA 12 runs on drivers from here on (CUDA Compatibility, Minor Version Compatibility): releases v0.9 to v0.13 are
 * built with 12.3 to 12.5.
 */
const MINIMUM = [525, 60, 13] as const;

export const driver: Check = {
  name: 'driver',
  beforeTools: false,
  async run({ gpus }) {
    if ('problem' in gpus) {
      const [found = '', ...remedy] = gpus.problem.split('\n');
      return [fail(found, remedy.join(' ') || 'Compare `devices` of toolchain.json with `nvidia-smi -L`.')];
    }
    if (gpus.devices.every(isVirtual)) return [ok('virtual devices need none')];
    const { driver: version } = await gpus.inventory();
    if (version === null) return [fail('nvidia-smi does not say which', 'Run `nvidia-smi` by hand.')];
    const parts = version.split('.').map(Number);
    const position = MINIMUM.findIndex((minimum, index) => (parts[index] ?? 0) !== minimum);
    const isOld = position >= 0 && (parts[position] ?? 0) < (MINIMUM[position] ?? 0);
    return isOld
      ? [
          fail(
            `${version}; CUDA 12 needs ${MINIMUM.join('.')}`,
            'Update the driver: R535 or a later production branch.',
          ),
        ]
      : [ok(version)];
  },
};
