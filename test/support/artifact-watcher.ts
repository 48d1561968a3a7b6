import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { z } from 'zod';

const manifestSchema = z.object({
  files: z.array(z.object({ path: z.string(), bytes: z.number(), sha256: z.string() })),
});
const actionSchema = z.object({ digest: z.string() });

const INTERVAL_MS = 50;

/** Looks at a store as a stranger would, with none of its code: whatever can be seen must be whole at every moment. */
export interface ArtifactWatcher {
  /** Everything that was ever seen and was not whole; empty is good. */
  faults: string[];
  looks: number;
  /** Ends the watch with one look that hashes every file. @returns digests of the artifacts */
  end(): Promise<string[]>;
}

export function watchArtifacts(store: string): ArtifactWatcher {
  const faults = new Set<string>();
  let watching = true;
  const watcher = { faults: [] as string[], looks: 0 };
  const look = (hashed: boolean): string[] => {
    // Actions first: what one of them names was there before it.
    const named = entriesOf(join(store, 'actions')).map((path) =>
      actionSchema.parse(JSON.parse(readFileSync(path, 'utf8'))),
    );
    const artifacts = entriesOf(join(store, 'artifacts'));
    const digests = artifacts.map((path) => path.slice(-64));
    for (const { digest } of named)
      if (!digests.includes(digest)) faults.add(`an action names ${digest}, which is not there`);
    for (const path of artifacts) for (const fault of faultsOf(path, hashed)) faults.add(`${path}: ${fault}`);
    watcher.looks += 1;
    watcher.faults = [...faults];
    return digests;
  };
  const running = (async () => {
    while (watching) {
      look(false);
      await delay(INTERVAL_MS);
    }
  })();
  return Object.assign(watcher, {
    async end() {
      watching = false;
      await running;
      return look(true);
    },
  });
}

/** `<two digits>/<name>` below a directory. */
const entriesOf = (directory: string): string[] =>
  namesIn(directory).flatMap((shard) => namesIn(join(directory, shard)).map((name) => join(directory, shard, name)));

const namesIn = (directory: string): string[] => (existsSync(directory) ? readdirSync(directory) : []);

function faultsOf(artifact: string, hashed: boolean): string[] {
  const manifestPath = join(artifact, 'manifest.json');
  if (!existsSync(manifestPath)) return ['has no manifest'];
  const text = readFileSync(manifestPath, 'utf8');
  const { files } = manifestSchema.parse(JSON.parse(text));
  return files.flatMap(({ path, bytes, sha256 }) => {
    const file = join(artifact, 'files', path);
    if (!existsSync(file)) return [`${path} is missing`];
    if (statSync(file).size !== bytes) return [`${path} has not ${bytes} bytes`];
    return hashed && createHash('sha256').update(readFileSync(file)).digest('hex') !== sha256
      ? [`${path} is altered`]
      : [];
  });
}
