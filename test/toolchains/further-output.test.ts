import { expect, test } from 'vitest';
import { parseBenchmark } from '../../src/toolchains/benchmark-output.js';
import { parseVisionBuild } from '../../src/toolchains/vision-output.js';

const streaming = `[TensorRT-LLM][INFO] Engine version 0.10.0 found in the config file
[BENCHMARK] num_samples 100
[BENCHMARK] num_samples 100
[BENCHMARK] num_error_samples 0

[BENCHMARK] total_latency(ms) 5234.18
[BENCHMARK] seq_throughput(seq/sec) 19.11
[BENCHMARK] token_throughput(token/sec) 5731.55
[BENCHMARK] p99_sequence_latency(ms) 1204.00
[BENCHMARK] avg_time_to_first_token(ms) 81.27
[BENCHMARK] avg_acceptance_rate(tokens/decoding steps) nan
`;

test('the numbers of a benchmark are read, each once, with their units', () => {
  expect(parseBenchmark(streaming)).toEqual([
    { name: 'num_samples', unit: null, value: 100 },
    { name: 'num_error_samples', unit: null, value: 0 },
    { name: 'total_latency', unit: 'ms', value: 5234.18 },
    { name: 'seq_throughput', unit: 'seq/sec', value: 19.11 },
    { name: 'token_throughput', unit: 'token/sec', value: 5731.55 },
    { name: 'p99_sequence_latency', unit: 'ms', value: 1204 },
    { name: 'avg_time_to_first_token', unit: 'ms', value: 81.27 },
    { name: 'avg_acceptance_rate', unit: 'tokens/decoding steps', value: null },
  ]);
});

test('a benchmark that ended early is no measurement', () => {
  const ended = '[BENCHMARK] num_samples 100\n[TensorRT-LLM][ERROR] CUDA runtime error in cudaMalloc: out of memory\n';
  expect(() => parseBenchmark(ended)).toThrow('printed no total_latency, token_throughput');
});

test('a vision engine is there when its building succeeded, whatever parsing says', () => {
  const parsed = 'Succeeded parsing visual_encoder/visual_encoder.onnx\n';
  expect(parseVisionBuild(`${parsed}Succeeded building plan/visual_encoder_fp16.plan in 61 s\n`)).toBe(61);
  expect(() => parseVisionBuild(`${parsed}Failed building plan/visual_encoder_fp16.plan\n`)).toThrow(
    'failed to build plan/',
  );
  expect(() => parseVisionBuild(parsed)).toThrow('says nothing of an engine');
});
