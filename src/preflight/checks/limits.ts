import { readFile } from 'node:fs/promises';
import { isVirtual } from '../../platform/gpus/device.js';
import { type Check, type Finding, fail, ok, warn } from '../check.js';

/** Lines of /proc/self/limits, and from what value on tools have no trouble. Containers of ours have limits of their own. */
const LIMITS = [
  {
    line: 'Max locked memory',
    option: '-l',
    enough: Number.POSITIVE_INFINITY,
    onlyGpus: true,
    why: 'NCCL pins memory for its transfers between ranks',
    ulimit: 'unlimited',
  },
  {
    line: 'Max stack size',
    option: '-s',
    enough: 8 * 2 ** 20,
    onlyGpus: false,
    why: 'TensorRT’s builder recurses deeply',
    ulimit: '65536',
  },
  {
    line: 'Max open files',
    option: '-n',
    enough: 4096,
    onlyGpus: false,
    why: 'a model of many shards and Triton with its ranks open thousands',
    ulimit: '65536',
  },
] as const;

/** So few that Node itself and mpirun run out. */
const TOO_FEW_FILES = 256;

export const limits: Check = {
  name: 'limits',
  beforeTools: true,
  async run({ devices, toolchain }) {
    if (toolchain.runner.kind === 'docker') return [ok('of each container its own')];
    const lines = (await readFile('/proc/self/limits', 'utf8')).split('\n');
    const isOfGpus = !devices.every(isVirtual);
    const findings: Finding[] = [];
    for (const { line, option, enough, onlyGpus, why, ulimit } of LIMITS) {
      const soft = lines
        .find((one) => one.startsWith(line))
        ?.slice(line.length)
        .trim()
        .split(/\s+/)[0];
      if (soft === undefined || (onlyGpus && !isOfGpus)) continue;
      const value = soft === 'unlimited' ? Number.POSITIVE_INFINITY : Number(soft);
      if (value >= enough) continue;
      const remedy = `Raise it where the worker starts: \`ulimit ${option} ${ulimit}\`, systemd's Limit…=, or docker's --ulimit.`;
      const found = `${line.toLowerCase()}: ${soft}; ${why}`;
      findings.push(line === 'Max open files' && value < TOO_FEW_FILES ? fail(found, remedy) : warn(found, remedy));
    }
    return findings.length > 0 ? findings : [ok('locked memory, stack and open files suffice')];
  },
};
