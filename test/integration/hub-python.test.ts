import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { cp, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { execa } from 'execa';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { z } from 'zod';
import { findFreePorts } from '../../src/platform/free-ports.js';
import { createHubClient } from '../../src/platform/hub/hub-client.js';
import { type HubMirror, startHubMirror } from '../../src/platform/hub-mirror/hub-mirror.js';
import { installation, toolchainPython } from '../support/product.js';

const here = (path: string): string => fileURLToPath(new URL(path, import.meta.url));
const program = here('./hub-python.program.py');
const offlineProgram = here('./hub-python-offline.program.py');
const enginesmith = here('../../infra/bootstrap/enginesmith.mjs');
const certificate = here('../fixtures/tls/localhost.cert.pem');
const key = here('../fixtures/tls/localhost.key.pem');
const weights = `${'w'.repeat(200_000)}tail`;
const files = {
  'models/org/tiny/main/config.json': '{"a":1}',
  'models/org/tiny/main/model.safetensors': weights,
  'models/org/tiny/main/sub dir/täst#1.json': '[1]',
  'models/org/tiny/refs%2Fpr%2F1/config.json': '{"a":2}',
  'models/org/tiny/team%2Ftrial/config.json': '{"a":3}',
  'models/org/locked/main/config.json': '{}',
  'models/org/locked/hub.json': '{"gated":true}',
  'datasets/org/rows/main/README.md': '---\nconfigs:\n- config_name: default\n  data_files: data/*.jsonl\n---\n',
  'datasets/org/rows/main/data/train.jsonl': '{"id":1,"text":"one"}\n{"id":2,"text":"two"}\n',
};

/** More than the Hub lists on one page. */
const MANY = 1100;

let directory: string;
let commits: { main: string; pullRequest: string; branch: string };

type Served = Pick<HubMirror, 'url' | 'close'>;

const serveHttps = async (): Promise<Served> => {
  const tls = { cert: await readFile(certificate), key: await readFile(key) };
  return startHubMirror({ directory: join(directory, 'hub'), tokens: ['hf_right'], tls });
};

/** As its users do. */
async function serveHttp(): Promise<Served> {
  const [port] = await findFreePorts(1);
  const options = ['--directory', join(directory, 'hub'), '--port', `${port}`, '--json'];
  const child = execa(process.execPath, [enginesmith, 'hub', 'serve', ...options], {
    env: { ENGINESMITH_HUB_TOKENS: 'hf_right' },
    reject: false,
  });
  onTestFinished(() => void child.kill());
  const [line] = await once(createInterface(child.stdout), 'line');
  return {
    ...z.object({ url: z.string() }).parse(JSON.parse(line)),
    close: async () => {
      child.kill('SIGTERM');
      await child;
    },
  };
}

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'enginesmith-python-hub-'));
  const hub = join(directory, 'hub');
  for (const [path, content] of Object.entries(files)) {
    await mkdir(dirname(join(hub, path)), { recursive: true });
    await writeFile(join(hub, path), content);
  }
  const many = join(hub, 'models/org/many/main');
  await mkdir(many, { recursive: true });
  for (let index = 0; index < MANY; index++) await writeFile(join(many, `part-${index}.txt`), `${index}`);
  const parquet = here('../fixtures/datasets/parquet/3.0.0');
  await cp(parquet, join(hub, 'datasets/org/columns/main/3.0.0'), { recursive: true });

  const mirror = await startHubMirror({ directory: hub });
  const client = createHubClient({ endpoint: mirror.url });
  const commitOf = async (revision: string) =>
    (await client.resolveRevision({ kind: 'model', repository: 'org/tiny', revision })).commit;
  commits = {
    main: await commitOf('main'),
    pullRequest: await commitOf('refs/pr/1'),
    branch: await commitOf('team/trial'),
  };
  await mirror.close();
});
afterAll(() => rm(directory, { recursive: true, force: true }));

/** Runs the toolchain's Python with nothing but the address of the Hub, and whom to trust. */
async function python(endpoint: string, ...args: string[]): Promise<unknown> {
  const { stdout } = await execa(toolchainPython, args, {
    env: {
      PATH: process.env.PATH,
      HF_ENDPOINT: endpoint,
      HF_HOME: join(directory, new URL(endpoint).port),
      SSL_CERT_FILE: certificate,
      HF_HUB_DISABLE_PROGRESS_BARS: '1',
    },
    extendEnv: false,
    timeout: 120_000,
  });
  return JSON.parse(stdout.trim().split('\n').at(-1) ?? '');
}

describe("Python's huggingface_hub and datasets, unchanged, with HF_ENDPOINT at a mirror", () => {
  test.each([
    ['http, by `enginesmith hub serve`', serveHttp],
    ['https', serveHttps],
  ])('over %s, find, list, read and download what it holds, and have it when it is gone', async (_, serve) => {
    const mirror = await serve();
    const { url } = mirror;
    const repositories = ['org/tiny', 'org/many', 'org/locked', 'org/rows', 'org/columns'];
    const found = z.looseObject({ snapshot: z.string() }).parse(await python(url, program, ...repositories));
    const { main, pullRequest, branch } = commits;
    const paths = ['config.json', 'model.safetensors', 'sub dir/täst#1.json'];
    expect(found).toEqual({
      snapshot: expect.stringContaining(main),
      mismatches: 0,
      file: '{"a":1}',
      pullRequestFile: '{"a":2}',
      branchFile: '{"a":3}',
      nested: '[1]',
      commit: main,
      commitOfPullRequest: pullRequest,
      weights: [weights.length, createHash('sha256').update(weights).digest('hex')],
      files: paths,
      exists: [true, false],
      branches: { main, 'team/trial': branch },
      pullRequests: ['refs/pr/1'],
      ls: ['org/tiny/config.json', 'org/tiny/model.safetensors', 'org/tiny/sub dir'],
      lsPullRequest: ['org/tiny@refs/pr/1/config.json'],
      lsBranch: ['org/tiny@team%2Ftrial/config.json'],
      glob: ['org/tiny/config.json', 'org/tiny/sub dir/täst#1.json'],
      walk: [
        ['org/tiny', ['sub dir']],
        ['org/tiny/sub dir', []],
      ],
      tail: 'tail',
      range: 'a":',
      info: weights.length,
      paths: ['config.json', 'sub dir'],
      many: [MANY, MANY, MANY],
      rows: [
        { id: 1, text: 'one' },
        { id: 2, text: 'two' },
      ],
      streamed: { id: 1, text: 'one' },
      parquet: 5,
      parquetByAddress: 5,
      parquetByRanges: 5,
      gated: '{}',
      errors: [
        'RepositoryNotFoundError',
        'RevisionNotFoundError',
        'RemoteEntryNotFoundError',
        'GatedRepoError',
        'GatedRepoError',
      ],
    });
    expect(await readFile(join(found.snapshot, 'model.safetensors'), 'utf8')).toBe(weights);
    expect((await readdir(found.snapshot)).sort()).toEqual(['config.json', 'model.safetensors', 'sub dir']);

    await mirror.close();
    expect(await python(url, offlineProgram, 'org/tiny', 'org/rows')).toEqual({
      snapshot: found.snapshot,
      file: found.file,
      rows: found.rows,
    });
  });

  test('load the data set of the toolchain by name, configuration and split', async () => {
    const bundled = await startHubMirror({ directory: installation.hubMirror });
    const load = [
      'import json, sys',
      'from datasets import load_dataset',
      'rows = load_dataset("enginesmith/cnn_dailymail", "3.0.0", split="test")',
      'print(json.dumps({"rows": len(rows), "columns": sorted(rows.column_names), "first": rows[0]["id"]}))',
    ].join('\n');
    const lines = await readFile(
      join(installation.hubMirror, 'datasets/enginesmith/cnn_dailymail/main/test.jsonl'),
      'utf8',
    );
    const rows = lines
      .trim()
      .split('\n')
      .map((line) => z.looseObject({ id: z.string() }).parse(JSON.parse(line)));
    try {
      expect(await python(bundled.url, '-c', load)).toEqual({
        rows: rows.length,
        columns: Object.keys(rows[0] ?? {}).sort(),
        first: rows[0]?.id,
      });
    } finally {
      await bundled.close();
    }
  });
});
