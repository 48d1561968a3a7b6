import { posix } from 'node:path';
import type { KnownEngine } from '../course.js';

/** What a spec's name may be at most, less what tells two of the same name apart. */
const MAXIMUM_NAME = 55;

export const slug = (text: string): string =>
  text
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, '-')
    .replaceAll(/^-+|-+$/g, '')
    .slice(0, MAXIMUM_NAME)
    .replaceAll(/-+$/g, '');

/** A model's name without what says only how it was tuned or stored: `Llama2-13b-chat-hf` is `llama2-13b`. */
export const shortModelName = (model: string): string =>
  slug(posix.basename(model)).replaceAll(/-(?:hf|chat|instruct|it|base)(?=-|$)/g, '') || 'model';

/** `llama2-13b-int4-wo`, `qwen2-72b-fp8-tp2`. */
export function deploymentName({ checkpoint }: KnownEngine, tensor: number): string {
  const { model, format, dtype, pipeline } = checkpoint;
  const unquantized = dtype === 'bfloat16' ? 'bf16' : 'fp16';
  const ranks = `${tensor > 1 ? `-tp${tensor}` : ''}${pipeline > 1 ? `-pp${pipeline}` : ''}`;
  return slug(`${shortModelName(model ?? 'model')}-${format === 'none' ? unquantized : format}${ranks}`);
}

/** The same names, where two are alike with a number behind the later ones. */
export function distinct(names: readonly string[]): string[] {
  const taken = new Set<string>();
  return names.map((name) => {
    let free = name;
    for (let number = 2; taken.has(free); number += 1) free = `${name}-${number}`;
    taken.add(free);
    return free;
  });
}
