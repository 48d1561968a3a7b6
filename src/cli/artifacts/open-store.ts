import { type Configuration, readConfiguration } from '../../platform/config.js';
import { type Places, placesOf } from '../../platform/places.js';
import { createStoreAdministration, type StoreAdministration } from '../../platform/store/administration.js';

/** Opens the store of this home, works with it, and closes it. */
export async function withStore<Result>(
  work: (store: StoreAdministration, home: { configuration: Configuration; places: Places }) => Promise<Result>,
): Promise<Result> {
  const configuration = readConfiguration(process.env);
  const places = placesOf(configuration);
  const store = createStoreAdministration({ directory: places.store, cacheDirectory: configuration.cache });
  try {
    return await work(store, { configuration, places });
  } finally {
    await store.close();
  }
}

/** A digest as a person reads it; commands take any prefix that is not ambiguous. */
export const shortDigest = (digest: string): string => digest.slice(0, 12);

const units = ['B', 'kB', 'MB', 'GB', 'TB', 'PB'];

/** A size as it is compared with a disk: powers of a thousand, two digits at least. */
export function size(bytes: number): string {
  const power = bytes < 1 ? 0 : Math.min(units.length - 1, Math.floor(Math.log10(bytes) / 3));
  const value = bytes / 1000 ** power;
  return `${power > 0 && value < 10 ? value.toFixed(1) : Math.round(value)} ${units[power]}`;
}
