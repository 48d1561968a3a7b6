import { join } from 'node:path';
import { withLock } from './lock.mjs';
import { cache, checkout, installationFile, writeAtomically } from './places.mjs';
import { checkPlatform, findPython } from './prerequisites.mjs';
import { compileService, installPackages } from './service.mjs';
import { findTemporalServer } from './temporal-server.mjs';
import { installToolchain, makeHubMirror } from './toolchain.mjs';

/**
 * Everything that a checkout needs, each part only where it is missing or stale. Two set-ups at once wait for each other:
 * by the checkout's lock for what lies in the checkout, by the cache's for what checkouts share.
 * @returns paths that the service gets through its environment
 */
export async function setUp({ development = false } = {}) {
  checkPlatform();
  const python = findPython();
  return withLock(join(checkout, 'dist/.setup-lock'), async () => {
    await installPackages();
    const [, installation] = await Promise.all([
      compileService(),
      withLock(join(cache, 'setup.lock'), () => shared(python, development)),
    ]);
    writeAtomically(installationFile, JSON.stringify(installation));
    return installation;
  });
}

async function shared(python, development) {
  const [{ toolchainRoot, hubMirror }, temporalServer] = await Promise.all([
    (async () => {
      const toolchainRoot = await installToolchain(python, { development });
      const hubMirror = await makeHubMirror(toolchainRoot);
      return { toolchainRoot, hubMirror };
    })(),
    findTemporalServer(),
  ]);
  return { toolchainRoot, hubMirror, temporalServer };
}
