import type { Look } from '../contracts/admitted-spec.js';
import type { Spec } from '../contracts/spec.js';

/** Fewer say nothing about the spread between articles. */
const FIRST_LOOK_ARTICLES = 16;

/** As many prompts as fit one command line, and whose answers fit the end of a log that is read, at a few KB each. */
const MAXIMUM_PROMPTS_PER_RUN = 64;

/** Each shard is eight activities, each of which has the whole admitted spec in the workflow's history (at most 50 MB). */
export const MAXIMUM_SHARDS = 64;

/**
 * When the gate looks: at 16, 32, 64 … articles, each look twice as far as the one before, up to the budget. What a look adds
 * is one shard; run.py takes no more prompts than the engine's batch holds, so prompts come in shards of that size at most.
 */
export function planLooks({ gate, build }: Pick<Spec, 'gate' | 'build'>): Look[] {
  const shardLimit =
    gate.dataset.kind === 'prompts' ? Math.min(build.maxBatchSize, MAXIMUM_PROMPTS_PER_RUN) : gate.articles;
  const looks: Look[] = [];
  let seen = 0;
  let index = 0;
  for (let wanted = FIRST_LOOK_ARTICLES; seen < gate.articles; wanted *= 2) {
    const articles = Math.min(wanted, gate.articles);
    const shards: Look['shards'] = [];
    while (seen < articles) {
      const count = Math.min(shardLimit, articles - seen);
      index += 1;
      shards.push({ index, from: seen, count });
      seen += count;
    }
    looks.push({ number: looks.length + 1, articles, shards });
  }
  return looks;
}
