import { createServer } from 'node:http';
import { afterEach, expect, test } from 'vitest';
import { parseMetrics, readMetrics } from '../../../src/platform/triton/metrics.js';
import { listenOnLoopback } from './loopback.js';

/** As Triton 2.51 wrote it, shortened. */
const text = `# HELP nv_trt_llm_request_metrics TRT LLM request metrics
# TYPE nv_trt_llm_request_metrics gauge
nv_trt_llm_request_metrics{model="tensorrt_llm",request_type="active",version="1"} 2
nv_cpu_memory_used_bytes 1.5e9
nv_odd{reason="a \\"b\\", c"} NaN
`;

const closing: (() => void)[] = [];
afterEach(() => {
  for (const close of closing.splice(0)) close();
});

test('reads samples with and without labels', () => {
  expect(parseMetrics(text)).toEqual([
    {
      family: 'nv_trt_llm_request_metrics',
      labels: { model: 'tensorrt_llm', request_type: 'active', version: '1' },
      value: 2,
    },
    { family: 'nv_cpu_memory_used_bytes', labels: {}, value: 1.5e9 },
    { family: 'nv_odd', labels: { reason: 'a \\"b\\", c' }, value: Number.NaN },
  ]);
});

test('says where no metrics came from', async () => {
  const server = createServer((_, response) => response.writeHead(404).end());
  const url = `http://127.0.0.1:${await listenOnLoopback(server)}/metrics`;
  closing.push(() => server.close());
  await expect(readMetrics(url)).rejects.toMatchObject({
    type: 'TritonUnavailable',
    message: expect.stringContaining('HTTP 404'),
    context: { url },
  });
});
