import type { ToolchainIdentity } from '../contracts/admitted-spec.js';
import type { Spec } from '../contracts/spec.js';
import type { Configuration } from '../platform/config.js';
import { readToolchainDescription } from '../platform/toolchain-installation.js';
import { findRelease } from '../toolchains/releases.js';
import type { OpenHub } from './open-hub.js';

/** Opens the Hub and checks the spec against it. Loaded for those who ask: the half of a second is nobody else's. */
export async function askHub(spec: Spec, configuration: Configuration): Promise<OpenHub> {
  const [{ openHub }, { checkAgainstHub }] = await Promise.all([
    import('./open-hub.js'),
    import('./check-against-hub.js'),
  ]);
  const opened = await openHub(configuration);
  try {
    await checkAgainstHub(spec, opened);
    return opened;
  } catch (failure) {
    await opened.close();
    throw failure;
  }
}

/**
 * The toolchain of this host, if it is the one that the spec names: keys hold its identity. An image that is named by its tag
 * has none yet: docker is not asked here.
 */
export async function installedToolchain(
  spec: Spec,
  { toolchainRoot }: Configuration,
): Promise<ToolchainIdentity | null> {
  if (toolchainRoot === undefined) return null;
  const { name, release, identity } = await readToolchainDescription(toolchainRoot);
  if (identity === undefined || name !== spec.toolchain || release !== findRelease(name).release) return null;
  return { name, release, identity };
}
