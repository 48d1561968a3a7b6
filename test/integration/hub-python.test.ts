import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { execa } from 'execa';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { createHubClient } from '../../src/platform/hub/hub-client.js';
import { type HubMirror, startHubMirror } from '../../src/platform/hub-mirror/hub-mirror.js';
import { installation, toolchainPython } from '../support/product.js';

const program = fileURLToPath(new URL('./hub-python.program.py', import.meta.url));
const weights = `${'w'.repeat(200_000)}tail`;
const files = {
  'models/org/tiny/main/config.json': '{"a":1}',
  'models/org/tiny/main/model.safetensors': weights,
  'models/org/tiny/main/sub dir/täst#1.json': '[1]',
  'models/org/tiny/refs%2Fpr%2F1/config.json': '{"a":2}',
  'models/org/tiny/team%2Ftrial/config.json': '{"a":3}',
  'datasets/org/rows/main/README.md': '---\nconfigs:\n- config_name: default\n  data_files: data/*.jsonl\n---\n',
  'datasets/org/rows/main/data/train.jsonl': '{"id":1,"text":"one"}\n{"id":2,"text":"two"}\n',
};

let directory: string;
let mirror: HubMirror;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'enginesmith-python-hub-'));
  for (const [path, content] of Object.entries(files)) {
    await mkdir(dirname(join(directory, 'hub', path)), { recursive: true });
    await writeFile(join(directory, 'hub', path), content);
  }
  mirror = await startHubMirror({ directory: join(directory, 'hub') });
});
afterAll(async () => {
  await mirror.close();
  await rm(directory, { recursive: true, force: true });
});

/** Runs the toolchain's Python with nothing but the address of the Hub. */
async function python(endpoint: string, ...args: string[]): Promise<unknown> {
  const { stdout } = await execa(toolchainPython, args, {
    env: {
      PATH: process.env.PATH,
      HF_ENDPOINT: endpoint,
      HF_HOME: join(directory, 'home'),
      HF_HUB_DISABLE_PROGRESS_BARS: '1',
    },
    extendEnv: false,
    timeout: 120_000,
  });
  return JSON.parse(stdout.trim().split('\n').at(-1) ?? '');
}

describe("Python's huggingface_hub and datasets, unchanged, with HF_ENDPOINT at a mirror", () => {
  test('find, list, read and download what it holds, by branch, by path-like revision and by commit', async () => {
    const found = z
      .looseObject({ snapshot: z.string() })
      .parse(await python(mirror.url, program, 'org/tiny', 'org/rows'));
    const client = createHubClient({ endpoint: mirror.url });
    const commitOf = async (revision: string) =>
      (await client.resolveRevision({ kind: 'model', repository: 'org/tiny', revision })).commit;
    const [main, pullRequest, branch] = [
      await commitOf('main'),
      await commitOf('refs/pr/1'),
      await commitOf('team/trial'),
    ];
    const paths = ['config.json', 'model.safetensors', 'sub dir/täst#1.json'];
    expect(found).toEqual({
      snapshot: expect.stringContaining(main),
      file: '{"a":1}',
      pullRequestFile: '{"a":2}',
      branchFile: '{"a":3}',
      nested: '[1]',
      commit: main,
      commitOfPullRequest: pullRequest,
      files: paths,
      exists: [true, false],
      branches: { main, 'team/trial': branch },
      pullRequests: ['refs/pr/1'],
      ls: ['org/tiny/config.json', 'org/tiny/model.safetensors', 'org/tiny/sub dir'],
      lsPullRequest: ['org/tiny@refs/pr/1/config.json'],
      lsBranch: ['org/tiny@team%2Ftrial/config.json'],
      glob: ['org/tiny/config.json', 'org/tiny/sub dir/täst#1.json'],
      tail: 'tail',
      rows: [
        { id: 1, text: 'one' },
        { id: 2, text: 'two' },
      ],
      streamed: { id: 1, text: 'one' },
      errors: ['RepositoryNotFoundError', 'RevisionNotFoundError', 'RemoteEntryNotFoundError'],
    });
    expect(await readFile(join(found.snapshot, 'model.safetensors'), 'utf8')).toBe(weights);
    expect((await readdir(found.snapshot)).sort()).toEqual(['config.json', 'model.safetensors', 'sub dir']);
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
