import { uuidOf } from '../../platform/gpus/device.js';
import { type Check, type Finding, fail, ok, warn } from '../check.js';

/** GPUs that answer, have no memory errors and keep their driver loaded. */
export const gpuHealth: Check = {
  name: 'gpu-health',
  beforeTools: true,
  async run({ gpus, devices }) {
    if ('problem' in gpus) return [];
    const { gpus: listed, driver } = await gpus.inventory();
    if (driver === null) return [ok(`${devices.length} virtual devices`)];
    const wanted = new Set(devices.map((device) => device.mig?.parentUuid ?? uuidOf(device)));
    const gone = [...wanted].filter((uuid) => !listed.some((gpu) => gpu.uuid === uuid));
    const findings: Finding[] = gone.map((uuid) => ({
      ...fail(`${uuid} is gone`, 'Look for "Xid" in `dmesg`; reset it or reboot, and start the worker again.'),
      gpu: uuid,
    }));
    for (const { index, uuid, problem, uncorrectedEccErrors, persistenceMode } of listed) {
      if (uuid === null || !wanted.has(uuid)) {
        // A GPU that cannot even say its UUID may be one of ours.
        if (problem !== null) findings.push(warn(`GPU ${index}: ${problem}`, 'No step gets it.'));
      } else if (problem !== null) {
        findings.push({ ...fail(`GPU ${index}: ${problem}`, 'No step can use it until then.'), gpu: uuid });
      } else if ((uncorrectedEccErrors ?? 0) > 0) {
        const remedy = `Reset it: \`nvidia-smi --gpu-reset -i ${index}\`; if they come back, replace it.`;
        const found = `GPU ${index} has had ${uncorrectedEccErrors} uncorrectable memory errors since its start`;
        findings.push({ ...fail(found, remedy), gpu: uuid });
      } else if (persistenceMode === 'Disabled') {
        const remedy = 'Start nvidia-persistenced: without it each start of a tool loads the driver anew.';
        findings.push(warn(`GPU ${index}: persistence mode is off`, remedy));
      }
    }
    return findings.length > 0 ? findings : [ok(`${wanted.size} GPUs answer, without memory errors`)];
  },
};
