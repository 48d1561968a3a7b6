import type { Spec } from '../../contracts/spec.js';
import { divides } from '../lint/divisibility.js';
import type { ModelShape } from '../model-config.js';

type Parallelism = Spec['parallelism'];

/**
 * Parallelisms that divide a model, on at most so many GPUs: fewest tensor ranks first, or most. Stages of a pipeline wait for
 * each other, so they come where no number of tensor ranks alone will do.
 */
export function legalParallelisms(shape: ModelShape, gpus: number, order: 'fewest' | 'most-tensor'): Parallelism[] {
  const degrees = Array.from({ length: gpus }, (_, index) => index + 1);
  const legal = degrees
    .filter((tensor) => divides(shape, tensor))
    .flatMap((tensor) =>
      degrees
        .filter((pipeline) => shape.layers % pipeline === 0 && tensor * pipeline <= gpus)
        .map((pipeline) => ({ tensor, pipeline })),
    );
  return legal.sort(
    (left, right) =>
      left.pipeline - right.pipeline || (order === 'fewest' ? left.tensor - right.tensor : right.tensor - left.tensor),
  );
}
