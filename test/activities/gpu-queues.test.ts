import { expect, test } from 'vitest';
import { gpuQueues } from '../../src/activities/gpu-queues.js';

const gpu = (index: number, gpuClass = 'sm90') => ({ index, class: gpuClass, memoryBytes: 1, uuid: `GPU-${index}` });
const instance = (index: number) => ({ ...gpu(index), mig: { parentUuid: 'GPU-9', profile: '1g.10gb' } });

const queues = (devices: Parameters<typeof gpuQueues>[0]) =>
  gpuQueues(devices).map(({ taskQueue, maxConcurrentActivityTaskExecutions: slots }) => [taskQueue, slots]);

test('a host serves the queues of each class and count that it can satisfy, with eight slots for those that wait', () => {
  expect(queues([gpu(0), gpu(1), gpu(2), gpu(3, 'sm89')])).toEqual([
    ['enginesmith-gpu-sm90-x1', 11],
    ['enginesmith-gpu-sm90-x2', 9],
    ['enginesmith-gpu-sm90-x3', 9],
    ['enginesmith-gpu-sm89-x1', 9],
  ]);
});

test('MIG instances are for tools of one GPU', () => {
  expect(queues([instance(0), instance(1)])).toEqual([['enginesmith-gpu-sm90-x1', 10]]);
  expect(queues([instance(0), gpu(1), gpu(2)])).toEqual([
    ['enginesmith-gpu-sm90-x1', 11],
    ['enginesmith-gpu-sm90-x2', 9],
  ]);
  expect(queues([])).toEqual([]);
});
