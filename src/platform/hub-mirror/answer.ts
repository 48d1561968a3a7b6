import type { IncomingMessage, ServerResponse } from 'node:http';
import { checkToken } from './authorization.js';
import type { MirrorFile, MirrorRepository, MirrorTree, Snapshot } from './mirror-tree.js';
import { readRequestedPaths } from './requested-paths.js';
import { parseRoute, type Route } from './route.js';
import { serveFile } from './serve-file.js';
import { entriesBelow, lastModified, listEntries, pageOf } from './tree-answer.js';

/** What the Hub gives at most; its clients follow the Link. */
const PAGE_ENTRIES = 1000;

/** The header X-Error-Code, by which the official clients choose their exception. */
type ErrorCode = 'RepoNotFound' | 'RevisionNotFound' | 'EntryNotFound' | 'GatedRepo';

export interface HandlerOptions {
  /** Which bearer tokens open gated repositories. */
  tokens: readonly string[];
  /** Under which clients reach the mirror: links to next pages are absolute. */
  scheme: 'http' | 'https';
}

export function createRequestHandler(tree: MirrorTree, { tokens, scheme }: HandlerOptions) {
  return async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const url = new URL(`${scheme}://${request.headers.host ?? 'localhost'}${request.url ?? '/'}`);
    const route = parseRoute(url.pathname);
    if (route === undefined) return refuse(response, 404, undefined, 'no such endpoint');
    const { action, repository, revision } = route;
    const method = action === 'paths-info' ? ['POST'] : ['GET', 'HEAD'];
    if (!method.includes(request.method ?? ''))
      return refuse(response, 405, undefined, `expected ${method.join(' or ')}`);

    const gated = await tree.isGated(repository);
    if (gated === undefined) return refuse(response, 404, 'RepoNotFound', 'Repository not found');
    const access = gated ? checkToken(request.headers.authorization, tokens) : 'allowed';
    if (access !== 'allowed')
      return refuse(response, access, 'GatedRepo', `Access to ${nameOf(repository)} is restricted`);

    if (action === 'refs') return sendJson(response, describeRevisions(await tree.revisions(repository)));
    const remembered = action === 'resolve' ? tree.remembered(repository, revision) : undefined;
    const snapshot = remembered ?? (await tree.snapshot(repository, revision));
    if (snapshot === undefined) return refuse(response, 404, 'RevisionNotFound', `Invalid rev id: ${revision}`);
    if (action === 'resolve') return answerFile(request, response, route, snapshot);
    if (action === 'tree') return answerTree(response, url, route, snapshot);
    if (action === 'info') {
      const blobs = url.searchParams.get('blobs')?.toLowerCase() === 'true';
      return sendJson(response, describeRepository(repository, snapshot, { gated, blobs }));
    }
    const { paths, expand } = await readRequestedPaths(request);
    sendJson(
      response,
      listEntries(snapshot, { expand }).filter(({ path }) => paths.includes(path)),
    );
  };

  async function answerFile(
    request: IncomingMessage,
    response: ServerResponse,
    route: Route,
    known: Snapshot,
  ): Promise<void> {
    const file = known.files.get(route.path);
    if (file === undefined) return refuse(response, 404, 'EntryNotFound', 'Entry not found');
    if (await serveFile(request, response, known, file)) return;
    // The directory was edited under the commit: the commit is gone, a branch of that name goes on.
    const current = await tree.snapshot(route.repository, route.revision);
    const again = current?.files.get(route.path);
    if (current !== undefined && again !== undefined && (await serveFile(request, response, current, again))) return;
    refuse(response, 404, 'RevisionNotFound', `Invalid rev id: ${route.revision}`);
  }
}

function answerTree(response: ServerResponse, url: URL, { path: directory }: Route, snapshot: Snapshot): void {
  const parameters = url.searchParams;
  const all = listEntries(snapshot, { expand: parameters.get('expand') === 'true' });
  const entries = entriesBelow(all, directory, parameters.get('recursive') === 'true');
  if (directory !== '' && entries.length === 0) {
    refuse(response, 404, 'EntryNotFound', `${directory} does not exist`);
    return;
  }
  const limit = Number(parameters.get('limit'));
  const { page, next } = pageOf(
    entries,
    parameters.get('cursor'),
    limit > 0 ? Math.min(limit, PAGE_ENTRIES) : PAGE_ENTRIES,
  );
  if (next !== undefined) {
    url.searchParams.set('cursor', next);
    response.setHeader('Link', `<${url.href}>; rel="next"`);
  }
  sendJson(response, page);
}

const nameOf = ({ organization, name }: MirrorRepository): string => `${organization}/${name}`;

/** @param options.blobs whether sizes and digests are asked for */
function describeRepository(
  repository: MirrorRepository,
  snapshot: Snapshot,
  { gated, blobs }: { gated: boolean; blobs: boolean },
): object {
  const id = nameOf(repository);
  return {
    _id: snapshot.commit.slice(0, 24),
    id,
    ...(repository.kind === 'model' ? { modelId: id } : {}),
    author: repository.organization,
    sha: snapshot.commit,
    lastModified: lastModified(snapshot),
    private: false,
    disabled: false,
    gated: gated ? 'manual' : false,
    downloads: 0,
    likes: 0,
    tags: [],
    siblings: [...snapshot.files.values()].map((file) => ({
      rfilename: file.path,
      ...(blobs ? describeBlob(file) : {}),
    })),
  };
}

function describeBlob({ bytes, identity: { gitOid, lfs } }: MirrorFile): object {
  const pointer = lfs === undefined ? {} : { lfs: { sha256: lfs.sha256, size: bytes, pointerSize: lfs.pointerBytes } };
  return { blobId: gitOid, size: bytes, ...pointer };
}

/** A directory is no tag and no conversion: it may change like a branch, or like a pull request by its name. */
function describeRevisions(revisions: readonly { name: string; commit: string }[]): object {
  const refs = revisions.map(({ name, commit }) => ({
    name,
    ref: name.startsWith('refs/') ? name : `refs/heads/${name}`,
    targetCommit: commit,
  }));
  const isPullRequest = ({ ref }: { ref: string }): boolean => ref.startsWith('refs/pr/');
  return {
    branches: refs.filter((ref) => !isPullRequest(ref)),
    tags: [],
    converts: [],
    pullRequests: refs.filter(isPullRequest),
  };
}

function sendJson(response: ServerResponse, value: object): void {
  const body = Buffer.from(JSON.stringify(value));
  response.writeHead(200, { 'Content-Type': 'application/json', 'Content-Length': body.length }).end(body);
}

function refuse(response: ServerResponse, status: number, code: ErrorCode | undefined, message: string): void {
  const body = Buffer.from(JSON.stringify({ error: message }));
  // A header cannot carry what a request may have put into the message.
  const text = message.replace(/[^\x20-\x7e]/g, '?');
  response
    .writeHead(status, {
      'Content-Type': 'application/json',
      'Content-Length': body.length,
      'X-Error-Message': text,
      ...(code === undefined ? {} : { 'X-Error-Code': code }),
    })
    .end(body);
}
