import wrapAnsi from 'wrap-ansi';
import { Document, isMap, isScalar, type Node } from 'yaml';
import type { Advice } from '../toolchains/advise/advise.js';

/** Wide enough for a sentence, narrow enough for an editor beside another. */
const COLUMNS = 110;

/** As the comments of a YAML document want it: without the `#`, each line with its blank. */
const comment = (text: string, indent: number): string =>
  wrapAnsi(text, COLUMNS - indent)
    .split('\n')
    .map((line) => ` ${line.trim()}`)
    .join('\n');

/** The key of a field in a document, on which its comment goes. */
function keyOf(document: Document, field: string): Node | undefined {
  const path = field.split('.');
  const last = path.pop();
  const parent = path.length === 0 ? document.contents : document.getIn(path, true);
  if (!isMap(parent)) return undefined;
  const pair = parent.items.find(({ key }) => isScalar(key) && key.value === last);
  return isScalar(pair?.key) ? pair.key : undefined;
}

/** A proposed spec as YAML, with the reason of each choice above it. */
export function advisedSpec({ input, choices }: Advice, heading: string): string {
  const document = new Document(input, { aliasDuplicateObjects: false });
  document.commentBefore = heading
    .split('\n')
    .map((line) => comment(line, 2))
    .join('\n');
  for (const { field, rule, because } of choices) {
    const key = keyOf(document, field);
    if (key === undefined) continue;
    key.commentBefore = comment(`${because} [${rule}]`, 2 * field.split('.').length);
  }
  return document.toString({ lineWidth: 0 });
}
