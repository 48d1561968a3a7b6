import type { Shard } from '../contracts/evaluation.js';
import type { StepRequest } from '../contracts/steps.js';

/** The rows that a step of one shard is about: `evaluation-2` is about the second shard of the admitted looks. */
export function shardOf({ admitted, step }: StepRequest): Shard {
  const index = Number(/-(\d+)$/.exec(step)?.[1]);
  const found = admitted.looks.flatMap(({ shards }) => shards).find((shard) => shard.index === index);
  if (found === undefined) throw new Error(`step ${step} is of no shard`);
  return { from: found.from, count: found.count };
}
