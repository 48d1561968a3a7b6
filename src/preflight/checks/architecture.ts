import { computeCapability } from '../../toolchains/gpus.js';
import { supportTable } from '../../toolchains/lint/support-table.js';
import { findRelease } from '../../toolchains/releases.js';
import { type Check, type Finding, fail, ok, warn } from '../check.js';

/** Whether the toolchain's release runs on the devices, and what it cannot do there. */
export const architecture: Check = {
  name: 'architecture',
  beforeTools: false,
  async run({ devices, toolchain }) {
    const { gpuClasses, release } = findRelease(toolchain.name);
    const findings: Finding[] = [];
    for (const gpuClass of new Set(devices.map((device) => device.class))) {
      const capability = computeCapability(gpuClass);
      const minor = Number(release.split('.')[1]);
      const missing = supportTable.filter(
        ({ runsOn, notOn }) =>
          capability !== null &&
          (notOn.includes(capability) ||
            (runsOn.findLast(({ fromMinor }) => fromMinor <= minor)?.minimum ?? 0) > capability),
      );
      if (!gpuClasses.includes(gpuClass)) {
        const remedy = `It runs on ${gpuClasses.join(', ')}: leave these devices out of toolchain.json, or install a toolchain for them.`;
        findings.push(fail(`${toolchain.name} does not run on ${gpuClass}`, remedy));
      } else if (missing.length > 0) {
        const what = missing.map((row) => row.what).join(', ');
        findings.push(
          warn(`${gpuClass} has not: ${what}`, 'Specs that ask for it are refused (`enginesmith validate`).'),
        );
      } else findings.push(ok(`${toolchain.name} runs on ${gpuClass}`));
    }
    return findings;
  },
};
