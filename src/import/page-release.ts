import { contracts, type ReleaseNumber } from '../toolchains/contracts/contracts.js';
import { releaseOfImage } from '../toolchains/images.js';
import type { Page } from './page.js';

const DEFAULT_RELEASE: ReleaseNumber = 'v0.10.0';

const isRelease = (name: string): name is ReleaseNumber => name in contracts;

/** Releases that are known, oldest first. */
export const releaseNumbers: readonly ReleaseNumber[] = Object.keys(contracts).filter(isRelease);

/** Whether a release came before another one. */
export const isBefore = (release: ReleaseNumber, other: ReleaseNumber): boolean =>
  releaseNumbers.indexOf(release) < releaseNumbers.indexOf(other);

const NAMED = /(?:\bv|\b(?:tensorrt|trt)[-_ ]?llm\D{0,14})0\.(9|1\d)(?:\.0)?(?![.\d]*\d)/gi;
const IMAGE = /tritonserver:(\d\d\.\d\d)-trtllm-python-py3/g;
const CLAIM =
  /v?0\.(9|1\d)(?:\.\d+)?\s*(?:\)\s*)?(?:或以上|或更高|及以上|以上|and (?:later|newer|above|up)|or (?:later|newer|above|higher)|\+)/i;

interface NamedImage {
  line: number;
  tag: string;
  /** Of TensorRT-LLM; undefined where the tag is not known. */
  release: ReleaseNumber | undefined;
}

export interface PageRelease {
  /** The release that its commands are read by. */
  release: ReleaseNumber;
  /** Whether its flags say so, where the page does not. */
  isInferred: boolean;
  /** Whether the page says so. */
  isStated: boolean;
  /** The oldest release that the page says it works with, and all later ones; null where it says nothing of the kind. */
  claim: { from: ReleaseNumber; line: number; text: string } | null;
  images: readonly NamedImage[];
  /** Releases that are installed by name. */
  pins: readonly { line: number; text: string; release: string }[];
  /** A release that the page names and nobody knows; null where it names none. */
  unknown: string | null;
}

/** Releases by how often the page names them, most often first. */
function mentions({ lines }: Page): string[] {
  const counts = new Map<string, number>();
  for (const { text } of lines) {
    for (const [, minor] of text.matchAll(NAMED)) {
      const release = `v0.${minor}.0`;
      counts.set(release, (counts.get(release) ?? 0) + 1);
    }
  }
  return [...counts].sort((left, right) => right[1] - left[1]).map(([release]) => release);
}

function claimOf({ prose }: Page): PageRelease['claim'] {
  const claims = prose.flatMap(({ line, text }) => {
    const found = CLAIM.exec(text);
    const release = `v0.${found?.[1] ?? ''}.0`;
    return found !== null && isRelease(release) ? [{ from: release, line, text: found[0] }] : [];
  });
  const age = ({ from }: { from: ReleaseNumber }): number => releaseNumbers.indexOf(from);
  return claims.sort((left, right) => age(left) - age(right))[0] ?? null;
}

const minorOf = (release: string): number => Number(/^v0\.(\d+)/.exec(release)?.[1] ?? 0);

/** The release that one which is not known most likely resembles. */
function nearest(unknown: string): ReleaseNumber {
  const distance = (release: string): number => Math.abs(minorOf(release) - minorOf(unknown));
  return [...releaseNumbers].sort((left, right) => distance(left) - distance(right))[0] ?? DEFAULT_RELEASE;
}

const PIN =
  /tensorrt[-_]llm\s*==\s*0\.(\d{1,2})[.\d]*|(?:-b|--branch)[ =]v?0\.(\d{1,2})\.\d+\s\S*(?:TensorRT-LLM|tensorrtllm_backend)\b/gi;

/** What pip and git are told to take. */
const pinsOf = ({ lines }: Page): PageRelease['pins'] =>
  lines.flatMap(({ line, text }) =>
    [...text.matchAll(PIN)].map(([whole, wheel, branch]) => ({
      line,
      text: whole,
      release: `v0.${wheel ?? branch ?? ''}.0`,
    })),
  );

/** What release a page is about: the one that it names most; else the one in the image that it names. */
export function releaseOf(page: Page): PageRelease {
  const images = page.lines.flatMap(({ line, text }) =>
    [...text.matchAll(IMAGE)].map(([, tag = '']) => ({ line, tag, release: releaseOfImage(tag) })),
  );
  const named = mentions(page);
  const stated = named.find(isRelease) ?? images.find((image) => image.release !== undefined)?.release;
  const unknown = named.find((release) => !isRelease(release)) ?? null;
  return {
    isInferred: false,
    release: stated ?? (unknown === null ? DEFAULT_RELEASE : nearest(unknown)),
    isStated: stated !== undefined,
    claim: claimOf(page),
    images,
    pins: pinsOf(page),
    unknown,
  };
}
