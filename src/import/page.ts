import MarkdownIt from 'markdown-it';
import { withoutPrompts } from './shell/prompts.js';

/** Shell text of a page, one line of it for each line of the page. */
export interface ShellBlock {
  text: string;
  /** Of the page, counted from 1. */
  firstLine: number;
  /** Whether the page calls it shell. What it does not may be output, and need not parse. */
  isMarkedShell: boolean;
}

export interface TextLine {
  line: number;
  text: string;
}

/** A script or page as the import reads it. */
export interface Page {
  blocks: readonly ShellBlock[];
  /** What people read: everything outside of the blocks, and the comments in them. */
  prose: readonly TextLine[];
  headings: readonly TextLine[];
  lines: readonly TextLine[];
}

const SHELL_LANGUAGES = new Set(['bash', 'sh', 'shell', 'zsh', 'console', 'shell-session', 'shellsession', 'terminal']);

const SESSIONS = new Set(['console', 'shell-session', 'shellsession', 'terminal']);

const COMMENT = /^\s*#(?!!)/;

const numbered = (text: string): TextLine[] => text.split('\n').map((line, index) => ({ line: index + 1, text: line }));

/** Blocks only: no HTML is made of the page, so nothing between the lines needs to be read. */
const markdown = new MarkdownIt('commonmark').disable(['inline', 'text_join']);

function markdownPage(text: string): Page {
  const lines = numbered(text);
  const blocks: ShellBlock[] = [];
  const headings: TextLine[] = [];
  const code = new Set<number>();
  for (const { type, map, info, content } of markdown.parse(text, {})) {
    if (map === null) continue;
    const [start, end] = map;
    if (type === 'heading_open') headings.push({ line: start + 1, text: lines[start]?.text ?? '' });
    if (type !== 'fence' && type !== 'code_block') continue;
    for (let line = start; line < end; line += 1) code.add(line + 1);
    const [language = ''] = info
      .trim()
      .toLowerCase()
      .split(/[\s{,]/);
    if (language !== '' && !SHELL_LANGUAGES.has(language)) continue;
    const firstLine = start + (type === 'fence' ? 2 : 1);
    blocks.push({ text: withoutPrompts(content, SESSIONS.has(language)), firstLine, isMarkedShell: language !== '' });
  }
  const inBlocks = new Set(
    blocks.flatMap(({ text: block, firstLine }) => numbered(block).map((at) => at.line + firstLine - 1)),
  );
  const prose = lines.filter(
    ({ line, text: content }) => !code.has(line) || (inBlocks.has(line) && COMMENT.test(content)),
  );
  return { blocks, prose, headings, lines };
}

function scriptPage(text: string): Page {
  const lines = numbered(text);
  return {
    blocks: [{ text: withoutPrompts(text), firstLine: 1, isMarkedShell: true }],
    prose: lines.filter(({ text: content }) => COMMENT.test(content)),
    headings: [],
    lines,
  };
}

/**
 * Finds the shell in a script, which is all shell, or in a Markdown page, by its fences.
 * @param text whose line ends are `\n`
 */
export const readPage = (text: string, kind: 'script' | 'markdown'): Page =>
  kind === 'markdown' ? markdownPage(text) : scriptPage(text);

/** Lines of the section that a line is in, from its heading on; those before it, unless `whole`. */
export function sectionAbove({ prose, headings }: Page, line: number): TextLine[] {
  const start = headings.findLast((heading) => heading.line <= line)?.line ?? 1;
  return prose.filter((candidate) => candidate.line >= start && candidate.line <= line);
}
