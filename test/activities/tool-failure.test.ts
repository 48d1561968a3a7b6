import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { tritonFailure } from '../../src/activities/tool-failure.js';
import { EnginesmithFailure } from '../../src/contracts/failures.js';

const ended = new EnginesmithFailure('TritonUnavailable', 'Triton ended before it was ready. Its log says why.', {
  context: { grpcPort: 8001 },
});

async function logOf(text: string): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'enginesmith-triton-log-'));
  onTestFinished(() => rm(directory, { recursive: true, force: true }));
  const path = join(directory, 'tool.log');
  await writeFile(path, text);
  return path;
}

const frames = Array.from(
  { length: 120 },
  (_, index) =>
    `${index + 1}      0x7f06d27ff645 /opt/tritonserver/backends/tensorrtllm/libtriton_tensorrtllm.so(+0x17645)`,
).join('\n');

test('a Triton that could not load a model says which and why in one sentence, however long its stack is', async () => {
  const failure = await tritonFailure(
    ended,
    await logOf(
      "E1114 09:30:02.005412 6946 model_lifecycle.cc:621] failed to load 'tensorrt_llm' version 1: Internal: unexpected error when " +
        'creating modelInstanceState: [TensorRT-LLM][ERROR] Assertion failed: mpiSize == tp * pp ' +
        `(/app/tensorrt_llm/cpp/tensorrt_llm/runtime/worldConfig.cpp:80)\n${frames}\n`,
    ),
  );
  expect(failure).toMatchObject({
    type: 'EngineMismatch',
    retryable: false,
    context: { grpcPort: 8001, signature: 'world-size-mismatch', model: 'tensorrt_llm' },
  });
  const [first] = failure.message.split('\n');
  expect(first).toMatch(
    /^Triton could not load tensorrt_llm: Assertion failed: mpiSize == tp \* pp\. Enginesmith starts as/,
  );
});

test('a Triton that answers ready without its ensemble is a worker rank', async () => {
  const failure = await tritonFailure(ended, await logOf('Started HTTPService\n'), ['ensemble', 'preprocessing']);
  expect(failure).toMatchObject({ type: 'TritonLoadFailed', context: { signature: 'rank-without-ensemble' } });
});

test('a Triton whose log nobody knows keeps its failure, with the end of the log', async () => {
  const failure = await tritonFailure(ended, await logOf('Segmentation fault\n'));
  expect(failure).toMatchObject({ type: 'TritonUnavailable', context: { grpcPort: 8001 } });
  expect(failure.message).toMatch(/Its log says why\.\nSegmentation fault$/);
});
