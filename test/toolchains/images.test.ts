import { expect, test } from 'vitest';
import { imagePaths, imageProblem, toolchainImages } from '../../src/toolchains/images.js';

const described = { name: 'trtllm-0.10', release: 'v0.10.0', image: 'registry.example/trtllm:24.05' };

test('an image that holds what toolchain.json says, and all that tools are looked for, has no problem', () => {
  expect(imageProblem(described, { version: '0.10.0', missing: [] })).toBeUndefined();
});

test.each<[string, string | null, string]>([
  ['another release', '0.9.0', 'holds TensorRT-LLM v0.9.0'],
  ['a build between releases', '0.10.0.dev2024050700', 'holds TensorRT-LLM v0.10.0.dev2024050700'],
  ['no TensorRT-LLM', null, 'holds no TensorRT-LLM'],
])('an image that holds %s is refused with both named', (_, version, held) => {
  expect(imageProblem(described, { version, missing: [] })).toBe(
    `registry.example/trtllm:24.05 ${held}, and toolchain.json says that trtllm-0.10 is v0.10.0. ` +
      'nvcr.io/nvidia/tritonserver:24.06-trtllm-python-py3 holds v0.10.0.',
  );
});

test("NVIDIA's own image, which lacks the scripts, is refused with the build that adds them", () => {
  const problem = imageProblem(described, { version: '0.10.0', missing: ['/opt/scripts/fill_template.py'] });
  expect(problem).toMatch(/lacks \/opt\/scripts\/fill_template\.py.*`infra\/docker\/build\.sh v0\.10\.0`/);
});

test('every release has one image, and paths are below the toolchain', () => {
  expect(new Set(toolchainImages.map(({ release }) => release)).size).toBe(toolchainImages.length);
  expect(new Set(toolchainImages.map(({ base }) => base)).size).toBe(toolchainImages.length);
  for (const path of imagePaths) expect(path).toMatch(/^\{toolchain\}\/opt\//);
});
