import { posix } from 'node:path';
import type { Page } from './page.js';
import type { ProgramCall } from './programs.js';
import { resolvePath } from './shell/paths.js';

/** A model of the Hub that a page names. */
export interface HubRepository {
  repository: string;
  /** Where it is put; null where the page only links it. */
  directory: string | null;
}

export interface FoundRepository {
  repository: string;
  /** From what it was guessed; null where the page says it. */
  guess: string | null;
}

const LINK = /huggingface\.co\/([A-Za-z0-9][\w.-]*)\/([A-Za-z0-9][\w.-]*[\w])/g;

/** First parts of addresses that are no owner. */
const NOT_OWNERS = new Set(['datasets', 'docs', 'spaces', 'blog', 'models', 'papers', 'api', 'settings', 'join']);

const REPOSITORY = /^[A-Za-z0-9][\w.-]*\/[\w.-]+$/;

/** Whether a text is `owner/name`, and not a folder that looks like it. */
export const isRepository = (text: string): boolean =>
  REPOSITORY.test(text) && !NOT_OWNERS.has(text.slice(0, text.indexOf('/')));

/** A path that nobody takes for `owner/name`. */
export const asFolder = (path: string): string => (REPOSITORY.test(path) ? `./${path}` : path);

/** Options of a download from the Hub that take no value. */
const DOWNLOAD_SWITCHES = new Set(['--resume-download', '--force-download', '--quiet', '--dry-run']);

/** Who publishes the models whose names begin so. */
const owners: readonly [RegExp, string][] = [
  [/^(?:meta-?)?llama/i, 'meta-llama'],
  [/^qwen/i, 'Qwen'],
  [/^baichuan/i, 'baichuan-inc'],
  [/^mi[sx]tral/i, 'mistralai'],
  [/^smollm/i, 'HuggingFaceTB'],
];

/** Spellings of a name that differ in case and separators only are one. */
const plain = (name: string): string => name.toLowerCase().replaceAll(/[^a-z0-9]/g, '');

const repositoriesIn = (text: string): string[] =>
  [...text.matchAll(LINK)].flatMap(([, owner = '', name = '']) =>
    NOT_OWNERS.has(owner) ? [] : [`${owner}/${name.replace(/\.git$/, '')}`],
  );

/** The first word of a download that is neither an option nor the value of one. */
const downloaded = (texts: readonly string[]): string | undefined =>
  texts.find((text, index) => {
    const before = texts[index - 1] ?? '';
    const isValue = /^--[^=]+$/.test(before) && !DOWNLOAD_SWITCHES.has(before);
    return !text.startsWith('-') && !isValue;
  });

function cloned({ program, arguments: words, directory }: ProgramCall): HubRepository[] {
  const texts = words.map(({ text }) => text ?? '');
  if (program === 'git') {
    const index = texts.findIndex((text) => text.includes('huggingface.co/'));
    const [repository] = repositoriesIn(texts[index] ?? '');
    if (texts[0] !== 'clone' || repository === undefined) return [];
    const into = texts[index + 1] ?? posix.basename(repository);
    return [{ repository, directory: resolvePath(into, directory) }];
  }
  const [verb, ...others] = texts;
  if ((program !== 'huggingface-cli' && program !== 'hf') || verb !== 'download') return [];
  const repository = downloaded(others);
  if (repository === undefined || !isRepository(repository)) return [];
  const index = texts.findIndex((text) => /^--local-dir(?:=|$)/.test(text));
  const into = texts[index]?.split('=')[1] ?? texts[index + 1];
  return [{ repository, directory: index === -1 ? null : resolvePath(into ?? null, directory) }];
}

/** Models of the Hub that a page clones, downloads or links. */
export function hubRepositories({ lines }: Page, calls: readonly ProgramCall[]): HubRepository[] {
  const links = lines.flatMap(({ text }) => repositoriesIn(text));
  return [...calls.flatMap(cloned), ...links.map((repository) => ({ repository, directory: null }))];
}

/**
 * Which repository of the Hub a local model is.
 * @param model a path, or a repository already
 * @returns null where nothing tells
 */
export function findRepository(model: string, known: readonly HubRepository[]): FoundRepository | null {
  const folder = resolvePath(model, '.');
  const placed = known.find(({ directory }) => directory !== null && directory === folder);
  if (placed !== undefined) return { repository: placed.repository, guess: null };
  if (isRepository(model)) return { repository: model, guess: null };
  const name = posix.basename(model);
  const linked = known.find(({ repository }) => plain(posix.basename(repository)) === plain(name));
  if (linked !== undefined) return { repository: linked.repository, guess: null };
  const row = owners.find(([begins]) => begins.test(name));
  if (row === undefined || !/^[A-Za-z0-9][\w.-]*$/.test(name)) return null;
  const [, owner] = row;
  const sibling = known.find(({ repository }) => repository.startsWith(`${owner}/`));
  const guess = sibling === undefined ? `who publishes models of this name` : `the owner of ${sibling.repository}`;
  return { repository: `${owner}/${name}`, guess };
}
