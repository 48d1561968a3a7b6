/**
 * Prints the toolchain.json of an image on this host, with the GPUs that nvidia-smi lists.
 * Usage: node describe-toolchain.mjs NAME RELEASE IMAGE, as in: trtllm-0.10 v0.10.0 registry.example/enginesmith/trtllm:v0.10.0
 */
import { execFileSync } from 'node:child_process';

const [name, release, image] = process.argv.slice(2);
if (image === undefined) {
  console.error('usage: node describe-toolchain.mjs NAME RELEASE IMAGE > toolchain.json');
  process.exit(2);
}

const columns = ['index', 'uuid', 'compute_cap', 'memory.total'];
const MIB = 1024 * 1024;

let printed;
try {
  printed = execFileSync('nvidia-smi', [`--query-gpu=${columns.join(',')}`, '--format=csv,noheader,nounits'], {
    encoding: 'utf8',
  });
} catch (error) {
  console.error(
    `nvidia-smi lists no GPUs (${error.message.split('\n')[0]}): install the driver, or write devices by hand.`,
  );
  process.exit(1);
}
const devices = printed
  .trim()
  .split('\n')
  .map((line) => line.split(',').map((value) => value.trim()))
  .map(([index, uuid, capability, memory]) => ({
    index: Number(index),
    class: `sm${capability.replace('.', '')}`,
    memoryBytes: Number(memory) * MIB,
    uuid,
  }));

// The runtime, beside --gpus: a job without GPUs needs the driver's libraries all the same.
const runner = { kind: 'docker', image, runtime: 'nvidia' };
console.log(JSON.stringify({ name, release, runner, devices }, undefined, 2));
