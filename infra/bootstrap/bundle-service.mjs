import { readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { basename, join, resolve } from 'node:path';
import { build } from 'esbuild';
import { checkout, writeAtomically } from './places.mjs';

/**
 * Bundles the service into a directory, `dist` of a package: each entry point under its own name, what they share and what is
 * imported lazily in `chunks`. One build of all entry points, so that no process ever has two copies of a class.
 *
 *     node infra/bootstrap/bundle-service.mjs dist
 */
const dist = resolve(process.argv[2]);

/**
 * Packages that the CLI loads before it knows what is asked, hundreds of files of them. All others stay in node_modules: they
 * are loaded when they are needed, and some look for files beside their own.
 */
const bundledPackages = [
  'canonicalize',
  'cli-table3',
  'commander',
  'p-limit',
  'picocolors',
  'wrap-ansi',
  'yaml',
  'zod',
];

/** A running process loads chunks of the build that it was started from: those of earlier builds stay for a while. */
const KEEP_CHUNKS_MS = 14 * 24 * 3600 * 1000;

const readJson = (path) => JSON.parse(readFileSync(join(checkout, path), 'utf8'));

const { outputFiles } = await build({
  absWorkingDir: checkout,
  entryPoints: Object.keys(readJson('src/entry-points.json')).map((name) => `src/${name}.ts`),
  outbase: 'src',
  outdir: dist,
  chunkNames: 'chunks/[name]-[hash]',
  bundle: true,
  splitting: true,
  platform: 'node',
  format: 'esm',
  target: 'node20.19',
  external: Object.keys(readJson('package.json').dependencies).filter((name) => !bundledPackages.includes(name)),
  // Of the bundled packages, some are CommonJS and require modules of Node.
  banner: { js: "import { createRequire } from 'node:module';\nconst require = createRequire(import.meta.url);" },
  sourcemap: 'linked',
  sourcesContent: false,
  write: false,
});

// Entry points last: whoever starts one in the meantime finds the chunks that it names.
const chunks = join(dist, 'chunks');
const [shared, entryPoints] = [true, false].map((isChunk) =>
  outputFiles.filter(({ path }) => path.startsWith(`${chunks}/`) === isChunk),
);
for (const { path, contents } of [...shared, ...entryPoints]) writeAtomically(path, contents);

const current = new Set(shared.map(({ path }) => basename(path)));
for (const name of readdirSync(chunks).filter((name) => !current.has(name))) {
  const path = join(chunks, name);
  if (Date.now() - statSync(path).mtimeMs > KEEP_CHUNKS_MS) rmSync(path);
}
