import { Document, isMap, isScalar, type Pair } from 'yaml';
import type { SpecDraft } from './draft.js';

const LINE_WIDTH = 100;

/** The pair of a map in the document whose keys lead to it. */
function pairAt(document: Document, path: readonly string[]): Pair | undefined {
  if (path.length === 0) return undefined;
  const parent = path.length === 1 ? document.contents : document.getIn(path.slice(0, -1), true);
  if (!isMap(parent)) return undefined;
  return parent.items.find(({ key }) => isScalar(key) && key.value === path.at(-1));
}

/** How many of the keys are in the document: what is left out is spoken of where it would stand. */
function depthOf(document: Document, path: readonly string[]): number {
  let depth = 0;
  while (depth < path.length && pairAt(document, path.slice(0, depth + 1)) !== undefined) depth += 1;
  return depth;
}

/** What the file says of itself before it begins. Its schema for editors belongs here. */
const head = (draft: SpecDraft, origin: string): string[] => [
  `Imported from ${origin}, line ${draft.line}. Comments that say "ours" are choices that the script does not make.`,
  ...draft.heading,
];

/**
 * A spec as the YAML file that people get.
 * @param origin what the script is called
 */
export function renderSpec(draft: SpecDraft, origin: string): string {
  const document = new Document(draft.value);
  document.commentBefore = head(draft, origin)
    .map((line) => ` ${line}`)
    .join('\n');
  for (const { path, text } of draft.comments) {
    const depth = depthOf(document, path);
    const pair = pairAt(document, path.slice(0, depth));
    if (pair === undefined || !isScalar(pair.key)) {
      document.commentBefore += `\n ${[path.join('.'), text].filter((part) => part !== '').join(': ')}`;
      continue;
    }
    pair.key.spaceBefore ||= depth === 1;
    const comment = depth === path.length ? text : `${path.slice(depth).join('.')}: ${text}`;
    const before = pair.key.commentBefore;
    pair.key.commentBefore = `${before === undefined || before === null ? '' : `${before}\n`} ${comment}`;
  }
  return document.toString({ lineWidth: LINE_WIDTH });
}
