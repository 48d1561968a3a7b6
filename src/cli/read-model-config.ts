import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { EnginesmithFailure } from '../contracts/failures.js';
import { printable } from '../contracts/printable.js';
import { type ModelConfig, parseModelConfig } from '../toolchains/model-config.js';

/** The largest that are known, of quantized models that list every layer, have some hundred KB. */
const MAXIMUM_BYTES = 4 * 1024 * 1024;

/**
 * Reads a model's config.json from this machine.
 * @param place the file, or the directory of the model
 * @throws EnginesmithFailure `NotFound` when it is not there or is no text, `UnsupportedModel` when it is no configuration
 */
export async function readLocalModelConfig(place: string): Promise<ModelConfig> {
  const unreadable = (reason: string, cause?: unknown): EnginesmithFailure =>
    new EnginesmithFailure(
      'NotFound',
      `${printable(place)} cannot be read: ${reason}. Name a model's directory or its config.json.`,
      { cause },
    );
  const isDirectory = await stat(place).then(
    (found) => found.isDirectory(),
    (cause: unknown) => {
      throw unreadable(cause instanceof Error ? printable(cause.message) : 'it is not there', cause);
    },
  );
  const file = isDirectory ? join(place, 'config.json') : place;
  // `end` is inclusive: one byte more than allowed tells a file that is too large.
  const content = await buffer(createReadStream(file, { end: MAXIMUM_BYTES })).catch((cause: unknown) => {
    throw unreadable(cause instanceof Error ? printable(cause.message) : 'it is not there', cause);
  });
  if (content.length > MAXIMUM_BYTES) throw unreadable('it is larger than 4 MiB');
  return parseModelConfig(content.toString('utf8'), file);
}
