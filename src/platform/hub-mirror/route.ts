import type { MirrorRepository } from './mirror-tree.js';

/** What a request asks for. `path` is decoded and joined by slashes; empty for the repository's root. */
export interface Route {
  action: 'info' | 'refs' | 'tree' | 'paths-info' | 'resolve';
  repository: MirrorRepository;
  revision: string;
  path: string;
}

const DEFAULT_REVISION = 'main';

/** @returns undefined when no endpoint of the Hub has this path */
export function parseRoute(pathname: string): Route | undefined {
  const segments = decodeSegments(pathname);
  if (segments === undefined) return undefined;
  return segments[0] === 'api' ? parseApiRoute(segments.slice(1)) : parseResolveRoute(segments);
}

/** `/api/{models,datasets}/{organization}/{name}[/refs | /{revision,tree,paths-info}/{revision}[/path]]` */
function parseApiRoute([kinds, organization, name, verb, revision = DEFAULT_REVISION, ...rest]: string[]):
  | Route
  | undefined {
  if ((kinds !== 'models' && kinds !== 'datasets') || !organization || !name) return undefined;
  const repository: MirrorRepository = { kind: kinds === 'models' ? 'model' : 'dataset', organization, name };
  const path = rest.join('/');
  if (verb === 'tree') return { action: 'tree', repository, revision, path };
  if (path !== '') return undefined;
  if (verb === undefined || verb === 'revision') return { action: 'info', repository, revision, path };
  if (verb === 'refs') return { action: 'refs', repository, revision, path };
  return verb === 'paths-info' ? { action: 'paths-info', repository, revision, path } : undefined;
}

/** `/[datasets/]{organization}/{name}/resolve/{revision}/{path}` */
function parseResolveRoute(segments: string[]): Route | undefined {
  const isDataset = segments[0] === 'datasets' && segments[3] === 'resolve';
  const [organization, name, verb, revision, ...rest] = isDataset ? segments.slice(1) : segments;
  if (!organization || !name || verb !== 'resolve' || !revision || rest.length === 0) return undefined;
  const repository: MirrorRepository = { kind: isDataset ? 'dataset' : 'model', organization, name };
  return { action: 'resolve', repository, revision, path: rest.join('/') };
}

function decodeSegments(pathname: string): string[] | undefined {
  try {
    return pathname
      .replace(/^\/+|\/+$/g, '')
      .split('/')
      .map(decodeURIComponent);
  } catch {
    return undefined;
  }
}
