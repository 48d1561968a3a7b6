import { type Page, sectionAbove } from './page.js';

/** What a page says in words about the commands below: people read it, and the commands do not. */
export interface SectionHints {
  gpuClass: { name: string; line: number } | null;
  /** At least so many GPUs. */
  gpus: { count: number; line: number } | null;
  tensor: { size: number; line: number } | null;
}

/** NVIDIA's names, by the compute capability that a GPU class is called after; architectures last: a GPU says more. */
const gpuNames: readonly [RegExp, string][] = [
  [/\b(?:H100|H200|H800|H20|GH200|sm_?90)\b/i, 'sm90'],
  [/\b(?:L4|L20|L40S?|RTX ?40\d\d|4090|sm_?89)\b/i, 'sm89'],
  [/\b(?:A10G?|A40|A6000|RTX ?30\d\d|3090|sm_?86)\b/i, 'sm86'],
  [/\b(?:A100|A800|A30|sm_?80)\b/i, 'sm80'],
  [/\bhopper\b/i, 'sm90'],
  [/\bada\b/i, 'sm89'],
];

const AT_LEAST_GPUS = /(?:at least|至少)\W{0,4}(\d{1,2})\s*(?:个|张|块|x|×)?\s*(?:[\w-]+\s+){0,2}?GPU/i;
const TENSOR =
  /(?:\bTP\s*=\s*|tensor[_ ]parallel(?:ism|[_ ]size)?\s*(?:\([^)]{0,20}\)\s*)?(?:of|=|is|设为|:)\s*)(\d{1,2})\b/i;

/** What the section says above a line. The nearest to it counts. */
export function hintsAbove(page: Page, line: number): SectionHints {
  const above = sectionAbove(page, line).toReversed();
  const nearest = <Found>(read: (text: string) => Found | null): { found: Found; line: number } | null => {
    for (const candidate of above) {
      const found = read(candidate.text);
      if (found !== null) return { found, line: candidate.line };
    }
    return null;
  };
  const number = (pattern: RegExp) => (text: string) => {
    const digits = pattern.exec(text)?.[1];
    return digits === undefined ? null : Number(digits);
  };
  const gpu = nearest((text) => gpuNames.find(([name]) => name.test(text))?.[1] ?? null);
  const gpus = nearest(number(AT_LEAST_GPUS));
  const tensor = nearest(number(TENSOR));
  return {
    gpuClass: gpu === null ? null : { name: gpu.found, line: gpu.line },
    gpus: gpus === null ? null : { count: gpus.found, line: gpus.line },
    tensor: tensor === null ? null : { size: tensor.found, line: tensor.line },
  };
}
