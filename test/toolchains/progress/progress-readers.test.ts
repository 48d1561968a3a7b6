import { describe, expect, test } from 'vitest';
import type { StepActivityName } from '../../../src/contracts/steps.js';
import { createPace } from '../../../src/toolchains/progress/pace.js';
import { progressReader } from '../../../src/toolchains/progress/progress-readers.js';

/** What a reader says of an output, line by line, without what it says nothing of. */
const readAll = (activity: StepActivityName, output: string, argv: readonly string[] = []) => {
  const read = progressReader(activity, argv);
  return output
    .split('\n')
    .map((line) => read(line))
    .filter((progress) => progress !== undefined)
    .map(({ phase, done, total, unit }) => [phase, done, total, unit]);
};

describe('the output of quantize.py', () => {
  const output = `Initializing tokenizer from /models/Llama-2-13b
Initializing model from /models/Llama-2-13b
Loading checkpoint shards:   0%|          | 0/3 [00:00<?, ?it/s]
Loading checkpoint shards:  33%|███▎      | 1/3 [00:04<00:08,  4.21s/it]
Loading calibration dataset
Starting quantization...
Calibrating batch 0
Calibrating batch 1
Quantization done. Total time used: 341.23 s.
Quantized model exported to /models/quantized_fp8 `;

  test('tells its phases and its batches, whose number follows from the flags', () => {
    expect(readAll('quantize', output, ['python3', 'quantize.py', '--calib_size', '510', '--batch_size', '4'])).toEqual(
      [
        ['loading the model', 0, null, ''],
        ['loading the model', 0, 3, 'files'],
        ['loading the model', 1, 3, 'files'],
        ['loading the calibration dataset', 0, null, ''],
        ['quantizing', 0, null, ''],
        ['calibrating', 1, 128, 'batches'],
        ['calibrating', 2, 128, 'batches'],
        ['exporting', 0, null, ''],
      ],
    );
  });

  test('says when AWQ takes fewer samples, and never that more were done than there are', () => {
    const limited =
      'AWQ calibration could take longer with calib_size = 512, Using calib_size=32 instead\nCalibrating batch 31';
    expect(readAll('quantize', `${limited}\nCalibrating batch 32`)).toEqual([
      ['calibrating', 32, 32, 'batches'],
      ['calibrating', 33, null, 'batches'],
    ]);
  });
});

test('convert_checkpoint.py begins with its release; the reference toolchain counts layers', () => {
  const output = `[TensorRT-LLM] TensorRT-LLM version: 0.10.0
0.10.0
Layer 1/30
Layer 30/30
Total time of converting checkpoints: 00:00:12`;
  expect(readAll('convert', output)).toEqual([
    ['converting', 0, null, ''],
    ['converting', 1, 30, 'layers'],
    ['converting', 30, 30, 'layers'],
  ]);
});

test('trtllm-build counts engines; the reference toolchain layers too', () => {
  const output = `[TensorRT-LLM] TensorRT-LLM version: 0.10.0
[06/19/2024-05:21:10] [TRT-LLM] [I] Build TensorRT engine Unnamed Network 0
[06/19/2024-05:21:11] [TRT-LLM] [I] Building layer 2/30
[06/19/2024-05:22:31] [TRT-LLM] [I] Total time of building Unnamed Network 0: 00:01:21
[06/19/2024-05:22:31] [TRT-LLM] [I] Serializing engine to /engines/rank0.engine...
[06/19/2024-05:24:31] [TRT-LLM] [I] Total time of building Unnamed Network 0: 00:01:21
[06/19/2024-05:24:40] [TRT-LLM] [I] Total time of building all engines: 00:03:30`;
  expect(readAll('build', output)).toEqual([
    ['building', 0, null, ''],
    ['building', 2, 30, 'layers'],
    ['building', 1, null, 'engines'],
    ['writing engines', 0, null, ''],
    ['building', 2, null, 'engines'],
    ['writing engines', 0, null, ''],
  ]);
});

test('summarize.py tells when it has loaded and when it scores; the reference toolchain counts articles', () => {
  const output = `[06/19/2024-05:30:00] [TRT-LLM] [I] Load tokenizer takes: 0.81 sec
[06/19/2024-05:31:00] [TRT-LLM] [I] Article 3 of 20: 100 tokens in 1.2 sec
[06/19/2024-05:32:00] [TRT-LLM] [I] TensorRT-LLM (total latency: 21.5 sec)
[06/19/2024-05:32:00] [TRT-LLM] [I] TensorRT-LLM beam 0 result
[06/19/2024-05:32:00] [TRT-LLM] [I]   rouge1 : 24.1`;
  expect(readAll('evaluate', output)).toEqual([
    ['loading the engine', 0, null, ''],
    ['summarizing', 3, 20, 'articles'],
    ['scoring', 0, null, ''],
  ]);
});

test('lines that only look like progress are none', () => {
  const lines =
    'Calibrating batch x\nLayer 1\n100%\nArticle 1 of many\nTotal time of building all engines\n50 % | done';
  for (const activity of ['quantize', 'convert', 'build', 'evaluate', 'compareEngines'] as const) {
    expect(readAll(activity, lines)).toEqual([]);
  }
});

describe('the pace', () => {
  const at = (done: number, phase = 'calibrating') => ({ phase, done, total: 100, unit: 'batches' });

  test('comes from what was done while somebody looked, not from a log that was there already', () => {
    const pace = createPace();
    pace(at(1), 0);
    expect(pace(at(40), 100)).toMatchObject({ ratePerSecond: null, etaSeconds: null });
    expect(pace(at(60), 10_100)).toMatchObject({ ratePerSecond: 2, etaSeconds: 20 });
  });

  test('begins anew with each phase, and knows no end where no total is told', () => {
    const pace = createPace();
    pace(at(10), 0);
    expect(pace(at(20), 5_000)).toMatchObject({ ratePerSecond: 2 });
    expect(pace(at(1, 'exporting'), 6_000)).toMatchObject({ ratePerSecond: null });
    expect(pace({ ...at(5, 'exporting'), total: null }, 10_000)).toMatchObject({ ratePerSecond: 1, etaSeconds: null });
  });
});
