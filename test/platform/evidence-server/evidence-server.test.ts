import { chmod, writeFile } from 'node:fs/promises';
import { request } from 'node:http';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { renderEvidencePage } from '../../../src/gate/evidence-page/evidence-page.js';
import { type EvidenceServer, startEvidenceServer } from '../../../src/platform/evidence-server/evidence-server.js';
import { exampleEvidence } from '../../support/gate-evidence.js';
import { keyOf, openStore, record, writeFiles } from '../store/store-fixture.js';

type OpenStore = Awaited<ReturnType<typeof openStore>>;

async function commit({ store }: OpenStore, kind: 'gate-evidence' | 'engine', files: Record<string, string>) {
  const staging = await store.stage(kind);
  await writeFiles(staging.directory, files);
  const { reference } = await staging.commit({ key: keyOf(JSON.stringify(files)), record });
  return reference.digest;
}

async function serve(directory: string): Promise<EvidenceServer> {
  const server = await startEvidenceServer({ directory });
  onTestFinished(() => server.close());
  return server;
}

const evidence = exampleEvidence();
const files = { 'evidence.json': JSON.stringify(evidence), 'evidence.html': renderEvidencePage(evidence) };

/** A request as it is, without the tidying up of `fetch`. */
const raw = (url: string, path: string, headers: Record<string, string> = {}, method = 'GET') =>
  new Promise<{ status: number | undefined; headers: NodeJS.Dict<string | string[]>; body: string }>(
    (resolve, reject) => {
      const asked = request(url, { path, headers, method }, (response) => {
        let body = '';
        response.setEncoding('utf8').on('data', (text: string) => {
          body += text;
        });
        response.on('end', () => resolve({ status: response.statusCode, headers: response.headers, body }));
      });
      asked.on('error', reject).end();
    },
  );

test('serves the page and the JSON of an evidence, with headers that let them do nothing', async () => {
  const opened = await openStore();
  const digest = await commit(opened, 'gate-evidence', files);
  const { url } = await serve(opened.directory);

  const page = await raw(url, `/evidence/${digest}`);
  expect({ status: page.status, same: page.body === files['evidence.html'] }).toEqual({ status: 200, same: true });
  expect(page.headers).toMatchObject({
    'content-type': 'text/html; charset=utf-8',
    'content-security-policy': expect.stringMatching(/^default-src 'none'; .*frame-ancestors 'none'$/),
    'x-content-type-options': 'nosniff',
    'referrer-policy': 'no-referrer',
  });
  const json = await raw(url, `/evidence/${digest}/evidence.json?x=1`);
  expect(json.headers['content-type']).toBe('application/json');
  expect(JSON.parse(json.body)).toEqual(evidence);
  const head = await raw(url, `/evidence/${digest}`, {}, 'HEAD');
  expect({ ...head, headers: head.headers['content-length'] }).toEqual({
    status: 200,
    headers: `${Buffer.byteLength(files['evidence.html'])}`,
    body: '',
  });
});

test('lists the newest evidence first, and links to it', async () => {
  const opened = await openStore();
  const { url } = await serve(opened.directory);
  expect((await raw(url, '/')).body).toContain('There is none yet');

  const first = await commit(opened, 'gate-evidence', files);
  const other = exampleEvidence({ articles: 32 });
  const second = await commit(opened, 'gate-evidence', {
    'evidence.json': JSON.stringify(other),
    'evidence.html': '-',
  });
  await commit(opened, 'engine', { 'evidence.json': JSON.stringify(other) });
  await commit(opened, 'gate-evidence', { 'evidence.json': '{"schema":"of another release"}' });
  const { body } = await raw(url, '/');
  expect([...body.matchAll(/href="\/evidence\/([0-9a-f]+)"/g)].map(([, digest]) => digest)).toEqual([second, first]);
  expect(body).toContain(`<span class="outcome ${evidence.decision.verdict}">`);
});

test('does not serve what was altered in the store', async () => {
  const opened = await openStore();
  const digest = await commit(opened, 'gate-evidence', files);
  const { url } = await serve(opened.directory);
  const page = join(opened.directory, 'artifacts', digest.slice(0, 2), digest, 'files/evidence.html');
  await chmod(page, 0o644);
  await writeFile(page, '<script>alert(1)</script>');
  expect((await raw(url, `/evidence/${digest}`)).status).toBe(404);
  expect((await raw(url, `/evidence/${digest}/evidence.json`)).status).toBe(200);
});

test('lists what could not be read once as soon as it can be read', async () => {
  const opened = await openStore();
  const digest = await commit(opened, 'gate-evidence', files);
  const { url } = await serve(opened.directory);
  const file = join(opened.directory, 'artifacts', digest.slice(0, 2), digest, 'files/evidence.json');
  await chmod(file, 0o644);
  await writeFile(file, 'damaged');
  expect((await raw(url, '/')).body).not.toContain(digest);
  await writeFile(file, files['evidence.json']);
  expect((await raw(url, '/')).body).toContain(digest);
});

test('finds nothing but evidence, and no path of a request leads anywhere', async () => {
  const opened = await openStore();
  const engine = await commit(opened, 'engine', files);
  await writeFile(join(opened.home, 'secret'), 'not served');
  await writeFile(join(opened.directory, 'secret'), 'not served');
  const { url } = await serve(opened.directory);
  const paths = [
    `/evidence/${engine}`,
    `/evidence/${engine}/evidence.json`,
    ...['0'.repeat(64), 'A'.repeat(64), '0'.repeat(63), `${engine}/`, `${engine}/evidence.html`, `${engine}/..`],
    ...['../secret', '../../secret', '..%2f..%2fsecret', '%2e%2e/secret', '..\\secret', 'secret%00'],
  ].map((path) => (path.startsWith('/') ? path : `/evidence/${path}`));
  for (const path of [...paths, '/secret', '/../secret', '/evidence', '//', `/${engine}`, 'http://other/evidence/x']) {
    const { status, body } = await raw(url, path);
    expect({ path, status, secret: body.includes('not served') }).toEqual({ path, status: 404, secret: false });
  }
});

test('answers readers only, and only under names of this host', async () => {
  const opened = await openStore();
  const digest = await commit(opened, 'gate-evidence', files);
  const { url } = await serve(opened.directory);
  for (const method of ['POST', 'PUT', 'DELETE', 'OPTIONS']) {
    const { status, headers } = await raw(url, `/evidence/${digest}`, {}, method);
    expect({ method, status, allow: headers.allow }).toEqual({ method, status: 405, allow: 'GET, HEAD' });
  }
  expect((await raw(url, `/evidence/${digest}`, { Host: 'evil.example' })).status).toBe(403);
  expect((await raw(url, `/evidence/${digest}`, { Host: 'localhost:1' })).status).toBe(200);
});

test('says so when its port is taken', async () => {
  const { directory } = await openStore();
  const { url } = await serve(directory);
  await expect(startEvidenceServer({ directory, port: Number(new URL(url).port) })).rejects.toMatchObject({
    type: 'PrerequisiteMissing',
    message: expect.stringContaining('Choose another port'),
  });
});
