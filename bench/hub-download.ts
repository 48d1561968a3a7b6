import { createHash, randomFillSync } from 'node:crypto';
import { once } from 'node:events';
import { createReadStream } from 'node:fs';
import { mkdir, mkdtemp, open, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { pipeline } from 'node:stream/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import Table from 'cli-table3';
import { execa } from 'execa';
import { z } from 'zod';

/*
 * How long a model takes to arrive over loopback: our download (every byte verified) against one plain curl stream (nothing
 * verified, one file after another) and against Python's huggingface_hub (nothing verified, eight threads). All from the same
 * server, each in a process of its own, in turns; medians of one run on one machine, in MB/s (1e6 bytes) and as ratios. What
 * arrived by ours is hashed once more, outside of the time, and compared with what was served.
 *
 *   npx tsx bench/hub-download.ts [--python PATH] [--mebibytes 256] [--shards 8] [--rounds 3] [--only https]
 *
 * PATH is a Python that has huggingface_hub; without one, its column stays empty.
 */
const { values } = parseArgs({
  options: {
    python: { type: 'string' },
    mebibytes: { type: 'string', default: '256' },
    shards: { type: 'string', default: '8' },
    rounds: { type: 'string', default: '3' },
    only: { type: 'string' },
  },
});
const fileBytes = Number(values.mebibytes) * 1024 * 1024;
const rounds = Number(values.rounds);
const shards = Number(values.shards);

const here = (name: string): string => fileURLToPath(new URL(name, import.meta.url));
const certificate = here('../test/fixtures/tls/localhost.cert.pem');
const key = here('../test/fixtures/tls/localhost.key.pem');
const tsx = ['--import', import.meta.resolve('tsx')];

const program = `
import sys, time
from huggingface_hub import snapshot_download
started = time.perf_counter()
snapshot_download(sys.argv[2], endpoint=sys.argv[1], cache_dir=sys.argv[3], token=False)
print('{"seconds": %f}' % (time.perf_counter() - started))
`;

interface Transfer {
  /** Our client, compiled. */
  client: string;
  endpoint: string;
  repository: string;
  /** sha256 of each file, by its path. */
  digests: ReadonlyMap<string, string>;
  directory: string;
}

const measured = z.object({ seconds: z.number() });
const lastLine = (stdout: string): number => measured.parse(JSON.parse(stdout.trim().split('\n').at(-1) ?? '')).seconds;

async function ours({ client, endpoint, repository, directory }: Transfer): Promise<number> {
  const { stdout } = await execa(
    process.execPath,
    [...tsx, here('./hub-client.ts'), client, endpoint, repository, directory],
    {
      env: { NODE_EXTRA_CA_CERTS: certificate },
    },
  );
  return lastLine(stdout);
}

async function curl({ endpoint, repository, digests, directory }: Transfer): Promise<number> {
  const files = [...digests.keys()].flatMap((path) => [
    '--output',
    join(directory, path),
    `${endpoint}/${repository}/resolve/main/${path}`,
  ]);
  const startedAt = performance.now();
  await execa('curl', ['--silent', '--show-error', '--fail', '--cacert', certificate, '--create-dirs', ...files]);
  return (performance.now() - startedAt) / 1000;
}

async function huggingfaceHub({ endpoint, repository, directory }: Transfer): Promise<number> {
  if (values.python === undefined) return Number.NaN;
  const { stdout } = await execa(values.python, ['-c', program, endpoint, repository, directory], {
    env: {
      HF_HUB_DISABLE_XET: '1',
      HF_HUB_DISABLE_PROGRESS_BARS: '1',
      HF_HUB_DISABLE_TELEMETRY: '1',
      SSL_CERT_FILE: certificate,
    },
  });
  return lastLine(stdout);
}

const contestants = { ours, curl, huggingfaceHub };
type Contestant = keyof typeof contestants;

async function writeRandomFile(path: string): Promise<void> {
  const chunk = Buffer.allocUnsafe(8 * 1024 * 1024);
  const handle = await open(path, 'w');
  for (let left = fileBytes; left > 0; left -= chunk.length) {
    await handle.write(randomFillSync(chunk), 0, Math.min(left, chunk.length));
  }
  await handle.close();
}

async function digestOf(path: string): Promise<string> {
  const hash = createHash('sha256');
  await pipeline(createReadStream(path, { highWaterMark: 1024 * 1024 }), hash);
  return hash.digest('hex');
}

/** @returns sha256 of each file, by its path */
async function makeModel(hub: string, name: string, paths: readonly string[]): Promise<Map<string, string>> {
  const revision = join(hub, 'models/bench', name, 'main');
  await mkdir(revision, { recursive: true });
  const digests = new Map<string, string>();
  for (const path of paths) {
    await writeRandomFile(join(revision, path));
    digests.set(path, await digestOf(join(revision, path)));
  }
  return digests;
}

async function requireSameBytes({ digests, directory }: Transfer): Promise<void> {
  for (const [path, expected] of digests) {
    if ((await digestOf(join(directory, path))) !== expected) throw new Error(`${path} arrived altered`);
  }
}

/** As it is shipped: compiling TypeScript in each thread, as tsx does, is no part of a download. */
async function compileClient(scratch: string): Promise<string> {
  const checkout = here('..');
  const project = join(checkout, 'tsconfig.build.json');
  await execa('npx', ['tsc', '--project', project, '--noEmit', 'false', '--outDir', join(scratch, 'dist')], {
    cwd: checkout,
  });
  await symlink(join(checkout, 'node_modules'), join(scratch, 'node_modules'));
  await writeFile(join(scratch, 'package.json'), '{"type":"module"}');
  return join(scratch, 'dist/platform/hub/hub-client.js');
}

const median = (values: readonly number[]): number =>
  values.toSorted((left, right) => left - right)[Math.floor(values.length / 2)] ?? Number.NaN;

/** Median seconds of each contestant. */
async function compare(transfer: Omit<Transfer, 'directory'>, scratch: string): Promise<Record<Contestant, number>> {
  const seconds: Record<Contestant, number[]> = { ours: [], curl: [], huggingfaceHub: [] };
  for (let round = 0; round < rounds; round++) {
    for (const name of ['ours', 'curl', 'huggingfaceHub'] as const) {
      const directory = join(scratch, name);
      seconds[name].push(await contestants[name]({ ...transfer, directory }));
      if (name === 'ours') await requireSameBytes({ ...transfer, directory });
      await rm(directory, { recursive: true, force: true });
      // What one wrote must not be flushed at the expense of the next.
      await execa('sync');
    }
  }
  return { ours: median(seconds.ours), curl: median(seconds.curl), huggingfaceHub: median(seconds.huggingfaceHub) };
}

const layouts = new Map([
  ['one file', ['model.safetensors']],
  [`${shards} shards`, Array.from({ length: shards }, (_, index) => `model-${index}.safetensors`)],
]);
const table = new Table({
  head: ['', 'MB', 'ours', 'curl', 'huggingface_hub', 'ours / curl', 'ours / huggingface_hub'],
  style: { head: [], border: [] },
});

async function addRows(hub: string, scratch: string): Promise<void> {
  const client = await compileClient(scratch);
  const names = [...layouts.keys()];
  const digests = new Map<string, Map<string, string>>();
  for (const [name, paths] of layouts) {
    digests.set(name, await makeModel(hub, `model-${names.indexOf(name)}`, paths));
  }
  const server = execa(process.execPath, [...tsx, here('./hub-server.ts'), hub, certificate, key], {
    stderr: 'inherit',
    reject: false,
  });
  try {
    const [line] = await once(createInterface(server.stdout), 'line');
    const endpoints = z.record(z.enum(['http', 'https']), z.string()).parse(JSON.parse(line));
    for (const [scheme, endpoint] of Object.entries(endpoints)) {
      if (values.only !== undefined && values.only !== scheme) continue;
      for (const [name, expected] of digests) {
        const repository = `bench/model-${names.indexOf(name)}`;
        const seconds = await compare({ client, endpoint, repository, digests: expected }, scratch);
        const megabytes = (expected.size * fileBytes) / 1e6;
        const speed = (value: number): string => (megabytes / value).toFixed(0);
        const ratio = (value: number): string => (value / seconds.ours).toFixed(2);
        table.push([
          `${name}, ${scheme}`,
          megabytes.toFixed(0),
          ...[seconds.ours, seconds.curl, seconds.huggingfaceHub].map(speed),
          ...[seconds.curl, seconds.huggingfaceHub].map(ratio),
        ]);
      }
    }
  } finally {
    server.kill();
    await server;
  }
}

const scratch = await mkdtemp(join(tmpdir(), 'enginesmith-bench-'));
try {
  await addRows(join(scratch, 'hub'), scratch);
  process.stdout.write(`${table.toString()}\n`);
} finally {
  await rm(scratch, { recursive: true, force: true });
}
