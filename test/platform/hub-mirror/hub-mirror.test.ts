import { createHash, randomBytes } from 'node:crypto';
import { mkdir, mkdtemp, readdir, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { downloadFileToCacheDir, listFiles, pathsInfo, snapshotDownload } from '@huggingface/hub';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { z } from 'zod';
import { createHubClient } from '../../../src/platform/hub/hub-client.js';
import { type HubMirror, startHubMirror } from '../../../src/platform/hub-mirror/hub-mirror.js';

const weights = randomBytes(300_000);
const model = {
  'config.json': Buffer.from('{"a":1}'),
  'model.safetensors': weights,
  'sub dir/empty.txt': Buffer.alloc(0),
};
const hashOf = (algorithm: string, content: Buffer | string): string =>
  createHash(algorithm).update(content).digest('hex');

async function writeFiles(directory: string, files: Record<string, Buffer | string>): Promise<void> {
  for (const [path, content] of Object.entries(files)) {
    await mkdir(dirname(join(directory, path)), { recursive: true });
    await writeFile(join(directory, path), content);
  }
}

let directory: string;
let mirror: HubMirror;
let commit: string;
const fetchMirror = (path: string, init: RequestInit = {}): Promise<Response> => fetch(`${mirror.url}${path}`, init);
const weightsPath = '/org/tiny/resolve/main/model.safetensors';

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'enginesmith-mirror-'));
  await writeFiles(join(directory, 'models/org/tiny/main'), model);
  await writeFiles(join(directory, 'models/org/tiny/bad'), { ...model, 'config.json': '{}' });
  await writeFiles(join(directory, 'models/org/locked'), { 'main/config.json': '{}', 'hub.json': '{"gated":true}' });
  await writeFiles(join(directory, 'datasets/org/rows/main'), { 'README.md': '# rows', 'data/a.jsonl': '{}' });
  await writeFile(join(directory, 'secret'), 'not served');
  mirror = await startHubMirror({ directory, tokens: ['hf_right'] });
  commit = (await createHubClient({ endpoint: mirror.url }).resolveRevision(tiny)).commit;
});
afterAll(async () => {
  await mirror.close();
  await rm(directory, { recursive: true, force: true });
});

const tiny = { kind: 'model', repository: 'org/tiny', revision: 'main' } as const;

describe('resolve', () => {
  test('gives the file with its commit, its sha256 as strong entity tag, and its length', async () => {
    const response = await fetchMirror(weightsPath);
    expect(Buffer.from(await response.arrayBuffer()).equals(weights)).toBe(true);
    const etag = `"${hashOf('sha256', weights)}"`;
    const expected = {
      etag,
      'x-linked-etag': etag,
      'x-linked-size': '300000',
      'x-repo-commit': commit,
      'accept-ranges': 'bytes',
    };
    expect(Object.fromEntries(response.headers)).toMatchObject({ ...expected, 'content-length': '300000' });
  });

  test('names a small file by its git blob id, as the Hub does', async () => {
    const response = await fetchMirror('/org/tiny/resolve/main/config.json', { method: 'HEAD' });
    expect(response.headers.get('etag')).toBe(`"${hashOf('sha1', `blob 7\0{"a":1}`)}"`);
    expect(response.headers.get('x-linked-etag')).toBeNull();
    expect(response.headers.get('content-length')).toBe('7');
  });

  test.each([
    ['bytes=0-0', 0, 1],
    ['bytes=100-199', 100, 200],
    ['bytes=299990-', 299_990, 300_000],
    ['bytes=-5', 299_995, 300_000],
    ['bytes=299999-999999', 299_999, 300_000],
  ])('answers the range %s with 206', async (range, start, end) => {
    const response = await fetchMirror(weightsPath, { headers: { Range: range } });
    expect(response.status).toBe(206);
    expect(response.headers.get('content-range')).toBe(`bytes ${start}-${end - 1}/300000`);
    expect(Buffer.from(await response.arrayBuffer()).equals(weights.subarray(start, end))).toBe(true);
  });

  test('answers a range past the end with 416, and several ranges with the whole', async () => {
    const past = await fetchMirror(weightsPath, { headers: { Range: 'bytes=300000-' } });
    expect([past.status, past.headers.get('content-range')]).toEqual([416, 'bytes */300000']);
    const several = await fetchMirror(weightsPath, { headers: { Range: 'bytes=0-1,5-6' } });
    expect(several.status).toBe(200);
    await several.arrayBuffer();
  });

  test('ignores a range under the entity tag of another version', async () => {
    const statusFor = async (etag: string): Promise<number> => {
      const response = await fetchMirror(weightsPath, { headers: { Range: 'bytes=5-', 'If-Range': etag } });
      await response.arrayBuffer();
      return response.status;
    };
    expect(await statusFor(`"${hashOf('sha256', weights)}"`)).toBe(206);
    expect(await statusFor(`"${hashOf('sha256', 'other')}"`)).toBe(200);
  });

  test.each([
    ['/org/none/resolve/main/config.json', 'RepoNotFound'],
    ['/org/tiny/resolve/none/config.json', 'RevisionNotFound'],
    ['/org/tiny/resolve/main/none.json', 'EntryNotFound'],
    ['/api/models/org/none/revision/main', 'RepoNotFound'],
    ['/api/models/org/tiny/revision/none', 'RevisionNotFound'],
    ['/api/models/org/tiny/tree/main/none', 'EntryNotFound'],
    ['/api/datasets/org/tiny', 'RepoNotFound'],
  ])('says for %s: %s', async (path, errorCode) => {
    const response = await fetchMirror(path);
    expect([response.status, response.headers.get('x-error-code')]).toEqual([404, errorCode]);
  });

  test.each([
    '/org/tiny/resolve/main/../../../../secret',
    '/org/tiny/resolve/main/..%2f..%2f..%2f..%2fsecret',
    '/org/tiny/resolve/..%2f..%2f..%2f../secret',
    '/../secret',
    '/%2e%2e/%2e%2e/resolve/models/secret',
    '/org/locked/resolve/main/../hub.json',
    '/.digests.json',
    '/org/tiny/resolve/main/%00',
    '/org/tiny/resolve/main/%ff',
  ])('never leaves a revision for %s', async (path) => {
    const { hostname, port } = new URL(mirror.url);
    const status = await new Promise<number | undefined>((resolve, reject) => {
      // node:http sends the path as it is written; fetch would normalise it.
      request({ hostname, port, path }, (response) => resolve(response.resume().statusCode))
        .on('error', reject)
        .end();
    });
    expect(status).toBe(404);
  });
});

describe('a gated repository', () => {
  const info = '/api/models/org/locked/revision/main';
  test.each([
    [undefined, 401, 'GatedRepo'],
    ['Bearer hf_wrong', 403, 'GatedRepo'],
    ['Bearer hf_right', 200, null],
  ])('answers Authorization %s with %i', async (authorization, status, errorCode) => {
    const headers = authorization === undefined ? {} : { Authorization: authorization };
    const response = await fetchMirror(info, { headers });
    expect([response.status, response.headers.get('x-error-code')]).toEqual([status, errorCode]);
  });

  test('is not reached by a revision of an open repository that leads into it', async () => {
    const locked = createHubClient({ endpoint: mirror.url, token: 'hf_right' });
    const { commit: lockedCommit } = await locked.resolveRevision({ ...tiny, repository: 'org/locked' });
    for (const revision of [`../locked/${lockedCommit}`, `../../org/locked/${lockedCommit}`, '../locked/main']) {
      const response = await fetchMirror(`/org/tiny/resolve/${encodeURIComponent(revision)}/config.json`);
      expect([response.status, response.headers.get('x-error-code')], revision).toEqual([404, 'RevisionNotFound']);
    }
  });

  test('opens to our client with the token, and is refused by type without', async () => {
    const locked = { ...tiny, repository: 'org/locked' };
    const withToken = createHubClient({ endpoint: mirror.url, token: 'hf_right' });
    expect((await withToken.resolveRevision(locked)).commit).toMatch(/^[0-9a-f]{40}$/);
    const without = createHubClient({ endpoint: mirror.url });
    await expect(without.resolveRevision(locked)).rejects.toMatchObject({ type: 'ModelAccessDenied' });
  });
});

describe('commits', () => {
  test('differ with content, and are the same for the same content elsewhere', async () => {
    const other = await mkdtemp(join(tmpdir(), 'enginesmith-mirror-'));
    onTestFinished(() => rm(other, { recursive: true, force: true }));
    await writeFiles(join(other, 'models/someone/copy/v1'), model);
    const second = await startHubMirror({ directory: other });
    onTestFinished(() => second.close());
    const copy = createHubClient({ endpoint: second.url });
    expect(await copy.resolveRevision({ kind: 'model', repository: 'someone/copy', revision: 'v1' })).toEqual({
      commit,
    });
    const bad = await createHubClient({ endpoint: mirror.url }).resolveRevision({ ...tiny, revision: 'bad' });
    expect(bad.commit).not.toBe(commit);
  });

  test('resolve by themselves; one whose content is gone from disk does not', async () => {
    const client = createHubClient({ endpoint: mirror.url });
    const moving = join(directory, 'models/org/moving/main');
    await writeFiles(moving, { 'config.json': '{"v":1}' });
    const repository = { kind: 'model', repository: 'org/moving' } as const;
    const first = await client.resolveRevision({ ...repository, revision: 'main' });
    expect(await client.resolveRevision({ ...repository, revision: first.commit })).toEqual(first);

    await writeFile(join(moving, 'config.json'), '{"v":22}');
    const path = `/org/moving/resolve/${first.commit}/config.json`;
    expect((await fetchMirror(path)).headers.get('x-error-code')).toBe('RevisionNotFound');
    const second = await client.resolveRevision({ ...repository, revision: 'main' });
    expect(second).not.toEqual(first);
    expect(await (await fetchMirror(`/org/moving/resolve/${second.commit}/config.json`)).text()).toBe('{"v":22}');
  });
});

describe('the official JavaScript client', () => {
  test('downloads a snapshot of a model', async () => {
    const cacheDir = await mkdtemp(join(tmpdir(), 'enginesmith-cache-'));
    onTestFinished(() => rm(cacheDir, { recursive: true, force: true }));
    const path = await snapshotDownload({ repo: 'org/tiny', hubUrl: mirror.url, cacheDir });
    expect((await readFile(join(path, 'model.safetensors'))).equals(weights)).toBe(true);
    expect((await readdir(path)).sort()).toEqual(['config.json', 'model.safetensors', 'sub dir']);
  });

  test('downloads a gated file with a token', async () => {
    const cacheDir = await mkdtemp(join(tmpdir(), 'enginesmith-cache-'));
    onTestFinished(() => rm(cacheDir, { recursive: true, force: true }));
    const parameters = { repo: 'org/locked', path: 'config.json', hubUrl: mirror.url, cacheDir };
    await expect(downloadFileToCacheDir(parameters)).rejects.toThrow(/restricted/);
    expect(await readFile(await downloadFileToCacheDir({ ...parameters, accessToken: 'hf_right' }), 'utf8')).toBe('{}');
  });

  test('lists trees, with and without recursion, and asks for paths', async () => {
    const repo = { type: 'dataset', name: 'org/rows' } as const;
    const list = async (parameters: { recursive?: boolean; path?: string }): Promise<string[]> => {
      const paths: string[] = [];
      for await (const { path, type } of listFiles({ repo, hubUrl: mirror.url, ...parameters }))
        paths.push(`${type} ${path}`);
      return paths;
    };
    expect(await list({})).toEqual(['file README.md', 'directory data']);
    expect(await list({ recursive: true })).toEqual(['file README.md', 'directory data', 'file data/a.jsonl']);
    expect(await list({ path: 'data' })).toEqual(['file data/a.jsonl']);
    const found = await pathsInfo({ repo, paths: ['data/a.jsonl', 'none'], expand: true, hubUrl: mirror.url });
    expect(found.map(({ path, size }) => [path, size])).toEqual([['data/a.jsonl', 2]]);
  });
});

describe('paging', () => {
  test('links to the next page until all is told', async () => {
    const paths: string[] = [];
    let next: string | undefined = `${mirror.url}/api/models/org/tiny/tree/main?recursive=true&limit=2`;
    let pages = 0;
    for (; next !== undefined; pages++) {
      const response: Response = await fetch(next);
      const page = z.array(z.object({ path: z.string() })).parse(await response.json());
      paths.push(...page.map(({ path }) => path));
      next = /^<(http[^>]+)>; rel="next"$/.exec(response.headers.get('link') ?? '')?.[1];
    }
    expect([pages, paths]).toEqual([2, ['config.json', 'model.safetensors', 'sub dir', 'sub dir/empty.txt']]);
  });
});

describe('the directory', () => {
  test('is hashed once: a second start reads the digests from the sidecar', async () => {
    const sidecar = join(directory, '.digests.json');
    const before = await stat(sidecar);
    await (await startHubMirror({ directory })).close();
    expect((await stat(sidecar)).mtimeMs).toBe(before.mtimeMs);
    expect(
      JSON.parse(await readFile(sidecar, 'utf8')).files['models/org/tiny/main/model.safetensors'].identity.lfs.sha256,
    ).toBe(hashOf('sha256', weights));
  });

  test('with a link in it is refused by name', async () => {
    const linked = await mkdtemp(join(tmpdir(), 'enginesmith-mirror-'));
    onTestFinished(() => rm(linked, { recursive: true, force: true }));
    await writeFiles(join(linked, 'models/org/tiny/main'), { 'config.json': '{}' });
    await symlink('/etc/passwd', join(linked, 'models/org/tiny/main/passwd'));
    await expect(startHubMirror({ directory: linked })).rejects.toMatchObject({
      type: 'PrerequisiteMissing',
      message: expect.stringMatching(/main\/passwd is a link/),
    });
  });

  test('is served on loopback unless told otherwise, and a taken port is refused', async () => {
    expect(mirror.url).toMatch(/^http:\/\/127\.0\.0\.1:\d+$/);
    const port = Number(new URL(mirror.url).port);
    await expect(startHubMirror({ directory, port })).rejects.toMatchObject({ type: 'PrerequisiteMissing' });
  });
});
