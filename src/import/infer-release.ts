import { toolNames } from '../toolchains/contracts/contract.js';
import type { ReleaseNumber } from '../toolchains/contracts/contracts.js';
import { type PageRelease, releaseNumbers } from './page-release.js';
import type { ProgramCall } from './programs.js';
import { parseToolCall } from './tool-call.js';

/** How much of its command lines a release refuses. */
function refusals(calls: readonly ProgramCall[], release: ReleaseNumber): number {
  let count = 0;
  for (const call of calls) {
    const tool = toolNames.find((name) => name === call.program);
    const problems = tool === undefined ? [] : (parseToolCall(call, tool, release)?.problems ?? []);
    count += problems.filter(({ code }) => code === 'unknown-flag' || code === 'bad-value').length;
  }
  return count;
}

/** The release that a page is read by: the one that it says, or, where it says none, one that takes its flags. */
export function inferRelease(calls: readonly ProgramCall[], stated: PageRelease): PageRelease {
  if (stated.isStated || stated.unknown !== null || calls.length === 0) return stated;
  const usual = releaseNumbers.indexOf(stated.release);
  const distance = (release: ReleaseNumber): number => Math.abs(releaseNumbers.indexOf(release) - usual);
  const [best] = [...releaseNumbers]
    .map((release) => ({ release, refused: refusals(calls, release) }))
    .sort((left, right) => left.refused - right.refused || distance(left.release) - distance(right.release));
  return best === undefined || best.release === stated.release
    ? stated
    : { ...stated, release: best.release, isInferred: true };
}
