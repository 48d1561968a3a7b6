import { posix } from 'node:path';
import type { Engine, ModelRepository, TemplateFill, UnfilledLaunch } from './course.js';
import type { ProgramCall } from './programs.js';
import { readFill, readSed } from './read-templates.js';
import { resolvePath } from './shell/paths.js';
import type { ToolCall } from './tool-call.js';

/** Triton's model repositories, as far as the script has come. */
export interface Serving {
  repositories: ModelRepository[];
  unfilledLaunches: UnfilledLaunch[];
}

const repositoryAt = (directory: string, { repositories }: Serving): ModelRepository | undefined =>
  repositories.findLast((repository) => repository.directory === directory);

/** `launch_triton_server.py` or `tritonserver` on a repository. */
export function launch(by: ToolCall | ProgramCall, directory: string | null, serving: Serving): void {
  if (directory === null) return;
  const repository = repositoryAt(directory, serving);
  repository?.launches.push(by);
  const filled = serving.repositories.findLast(({ fills }) => fills.length > 0);
  if ((repository === undefined || repository.fills.length === 0) && filled !== undefined) {
    serving.unfilledLaunches.push({ directory, filled: filled.directory, line: 'tool' in by ? by.call.line : by.line });
  }
}

/** A placeholder is filled once: then it is gone from the file, and another value for it is ignored. */
function addFill(fill: TemplateFill, repository: ModelRepository): void {
  for (const [key, text] of fill.values) {
    const before = repository.fills.find(({ model, values }) => model === fill.model && values.has(key));
    const value = before?.values.get(key);
    if (text !== null && typeof value === 'string' && value !== text) fill.ignored.set(key, value);
  }
  repository.fills.push(fill);
}

/**
 * `fill_template.py`, or `sed` that does the same.
 * @param engineAt the engine that lies in a directory
 * @returns a path of an engine that nothing has built
 */
export function fillTemplate(
  call: ProgramCall,
  serving: Serving,
  engineAt: (path: string) => Engine | undefined,
): { path: string; line: number } | null {
  const found = call.program === 'sed' ? readSed(call) : readFill(call);
  if (found === null || ('isKept' in found && !found.isKept)) return null;
  let repository = repositoryAt(found.repository, serving);
  if (repository === undefined || repository.launches.length > 0) {
    repository = { directory: found.repository, fills: [], engine: null, launches: [] };
    serving.repositories.push(repository);
  }
  addFill(found.fill, repository);
  const path = resolvePath(found.fill.values.get('engine_dir') ?? null, call.directory);
  if (found.fill.model !== 'tensorrt_llm' || path === null || found.fill.ignored.has('engine_dir')) return null;
  const engine = engineAt(path);
  if (engine === undefined) return { path, line: found.fill.line };
  repository.engine = engine;
  engine.served = repository;
  return null;
}

const isIn = (path: string, directory: string): boolean => path === directory || path.startsWith(`${directory}/`);

/** `cp -r`: a filled repository is filled where it is copied to; a fresh copy of templates has its placeholders again. */
export function copy({ arguments: words, directory }: ProgramCall, serving: Serving): void {
  const paths = words.filter(({ text }) => text === null || !text.startsWith('-')).map(({ text }) => text);
  const to = resolvePath(paths.at(-1) ?? null, directory);
  if (to === null || paths.length < 2) return;
  for (const text of paths.slice(0, -1)) {
    const isContent = /\/[*.]$/.test(text ?? '');
    const from = resolvePath(text?.replace(/\/[*.]$/, '') ?? null, directory);
    if (from === null) continue;
    const into = isContent ? [to] : [to, posix.join(to, posix.basename(from))];
    const source = serving.repositories.findLast((one) => one.directory === from && one.fills.length > 0);
    for (const place of into) copyTo(place, posix.basename(from), source, serving);
  }
}

function copyTo(place: string, name: string, source: ModelRepository | undefined, serving: Serving): void {
  if (source !== undefined) {
    const copied = { directory: place, fills: [...source.fills], engine: source.engine, launches: [] };
    serving.repositories.push(copied);
    if (source.engine !== null) source.engine.served = copied;
    return;
  }
  const before = serving.repositories.findLast(
    (one) => isIn(one.directory, place) || posix.dirname(place) === one.directory,
  );
  if (before === undefined) return;
  const isPart = posix.dirname(place) === before.directory;
  if (isPart && !before.fills.some(({ model }) => model === name)) return;
  const fills = isPart ? before.fills.filter(({ model }) => model !== name) : [];
  serving.repositories.push({ directory: before.directory, fills, engine: null, launches: [] });
}

/** `rm -r`: what is filled afterwards is another copy of the templates. */
export function removeRepository(isGone: (known: string) => boolean, { repositories }: Serving): void {
  const repository = repositories.findLast((candidate) => isGone(candidate.directory));
  if (repository !== undefined && repository.fills.length > 0) {
    repositories.push({ directory: repository.directory, fills: [], engine: null, launches: [] });
  }
}
