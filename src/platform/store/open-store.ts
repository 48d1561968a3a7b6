import type { Configuration } from '../config.js';
import { placesOf } from '../places.js';
import { type ArtifactStore, createArtifactStore } from './artifact-store.js';

/**
 * The store that a process is configured for: a directory, and behind it a bucket where one is named.
 * @param options.cacheDirectory remembers what was verified on this host. @default of the configuration
 */
export async function openArtifactStore(
  configuration: Pick<Configuration, 'home' | 'cache' | 'host' | 'remoteStore'>,
  { cacheDirectory = configuration.cache }: { cacheDirectory?: string } = {},
): Promise<ArtifactStore> {
  const directory = placesOf(configuration).store;
  const local = createArtifactStore({ directory, cacheDirectory });
  if (configuration.remoteStore === undefined) return local;
  // Commands of hosts without a bucket need not load what speaks to one.
  const [{ createS3Objects }, { createRemoteTier }, { createTieredStore }] = await Promise.all([
    import('./remote/s3-objects.js'),
    import('./remote/remote-tier.js'),
    import('./remote/tiered-store.js'),
  ]);
  const remote = createRemoteTier(createS3Objects(configuration.remoteStore));
  return createTieredStore({ local, remote, directory, cacheDirectory });
}
