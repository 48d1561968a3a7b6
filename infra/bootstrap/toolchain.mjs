import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { cache, checkout, fingerprint, isDone, writeAtomically } from './places.mjs';
import { reported } from './report.mjs';
import { run } from './run.mjs';

/**
 * The CPU toolchain: its locked Python environment and its container-like root.
 * @returns the root's path
 */
export async function installToolchain(python, { development }) {
  const args = ['--destination', join(cache, 'toolchain-cpu'), ...(development ? ['--dev'] : [])];
  const install = () =>
    run(python, [join(checkout, 'toolchain-cpu/install.py'), ...args], { cwd: checkout, label: 'toolchain' });
  const stdout = await reported('CPU toolchain', install);
  return stdout.trimEnd().split('\n').at(-1);
}

/**
 * The small model and the dataset, as a mirror that `enginesmith hub serve` can serve.
 * @returns the mirror's directory
 */
export async function makeHubMirror(toolchainRoot) {
  const mirror = join(cache, 'hub-mirror');
  const print = fingerprint(['toolchain-cpu/small_model.py', 'toolchain-cpu/gguf_model.py', 'toolchain-cpu/data']);
  const marker = join(mirror, '.made');
  if (isDone(marker, print)) return mirror;
  const { environment } = JSON.parse(readFileSync(join(toolchainRoot, 'toolchain.json'), 'utf8'));
  const python = join(environment.PATH[0], 'python3');
  const make = () =>
    run(python, [join(checkout, 'toolchain-cpu/small_model.py'), '--mirror', mirror], { label: 'model' });
  await reported('small model', make);
  writeAtomically(marker, print);
  return mirror;
}
