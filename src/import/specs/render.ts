import { Document, isMap, isScalar, type Pair } from 'yaml';
import type { SpecDraft } from './draft.js';

const LINE_WIDTH = 100;

/** The pair of a map in the document whose keys lead to it. */
function pairAt(document: Document, path: readonly string[]): Pair | undefined {
  const parent = path.length === 1 ? document.contents : document.getIn(path.slice(0, -1), true);
  if (!isMap(parent)) return undefined;
  return parent.items.find(({ key }) => isScalar(key) && key.value === path.at(-1));
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
    const pair = pairAt(document, path);
    if (pair === undefined || !isScalar(pair.key)) continue;
    pair.key.spaceBefore = path.length === 1;
    const before = pair.key.commentBefore;
    pair.key.commentBefore = `${before === undefined || before === null ? '' : `${before}\n`} ${text}`;
  }
  return document.toString({ lineWidth: LINE_WIDTH });
}
