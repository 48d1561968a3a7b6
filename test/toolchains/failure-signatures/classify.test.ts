import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { classifyFailure } from '../../../src/toolchains/failure-signatures/classify.js';
import { errorLines } from '../../../src/toolchains/failure-signatures/log-lines.js';
import type { Evidence } from '../../../src/toolchains/failure-signatures/signature.js';
import { failureSignatures } from '../../../src/toolchains/failure-signatures/signatures.js';
import { tritonLoadFailure } from '../../../src/toolchains/failure-signatures/triton.js';

const fixtures = fileURLToPath(new URL('../../fixtures/failures', import.meta.url));

/** What a case says of its tool, in a line `#! {…}`. */
const headSchema = z.strictObject({
  tool: z.enum(['quantize', 'convert', 'build', 'evaluate', 'triton']),
  exitCode: z.number().nullable().default(null),
  signal: z.string().nullable().default(null),
  oomKilled: z.boolean().optional(),
  diskFull: z.boolean().optional(),
  notReady: z.array(z.string()).default([]),
});

/** The cases of a fixture: output of tools, a comment line `#` with its source, and `---` between them. */
const casesOf = (name: string): Evidence[] =>
  readFileSync(`${fixtures}/${name}.txt`, 'utf8')
    .split(/^---$/m)
    .map((text) => {
      const lines = text.trim().split('\n');
      const head = lines.find((line) => line.startsWith('#! '))?.slice(3) ?? '';
      const log = lines.filter((line) => !line.startsWith('#')).join('\n');
      return { ...headSchema.parse(JSON.parse(head)), log };
    });

const codeOf = (evidence: Evidence): string | undefined => classifyFailure(evidence)?.signature.code;

describe.each(failureSignatures.map(({ code }) => code))('%s', (code) => {
  test('is recognised in what tools print', () => {
    for (const evidence of casesOf(code)) expect(codeOf(evidence), evidence.log).toBe(code);
  });

  test('is not taken for what is merely like it', () => {
    for (const evidence of casesOf(`${code}.near-miss`)) expect(codeOf(evidence), evidence.log).not.toBe(code);
  });
});

test('every fixture belongs to a row', () => {
  const names = new Set(readdirSync(fixtures).map((file) => file.replace(/(\.near-miss)?\.txt$/, '')));
  expect([...names].sort()).toEqual(failureSignatures.map(({ code }) => code).sort());
});

test('a failure that no row knows has no row', () => {
  const evidence: Evidence = { tool: 'build', log: 'Traceback\nKeyError: 3', exitCode: 1, signal: null };
  expect(classifyFailure(evidence)).toBeUndefined();
});

test('a cause counts before what follows from it, wherever it stands', () => {
  const log = [
    "Failed, NCCL error /src/allreducePlugin.cpp:295 'unhandled system error'",
    'mpirun noticed that process rank 6 with PID 0 on node gpu-3 exited on signal 9 (Killed).',
    'torch.cuda.OutOfMemoryError: CUDA out of memory. Tried to allocate 2 GiB',
  ].join('\n');
  expect(codeOf({ tool: 'evaluate', log, exitCode: 137, signal: null })).toBe('gpu-out-of-memory');
});

test('the dump of a Triton that could not load a model becomes the model and its cause', () => {
  const causes = casesOf('model-not-loaded').map(({ log }) => tritonLoadFailure(log));
  expect(causes).toEqual([
    { model: 'tensorrt_llm_2beam', cause: 'Assertion failed: 16 != 40' },
    { model: 'multimodal_encoders', cause: "Stub process 'multimodal_encoders_0_0' is not healthy." },
  ]);
  expect(tritonLoadFailure(casesOf('world-size-mismatch').at(-1)?.log ?? '')).toEqual({
    model: 'tensorrt_llm',
    cause: 'Assertion failed: mpiSize == tp * pp',
  });
});

test('rows have codes of their own, remedies in sentences, sources of threads, and patterns that are anchored', () => {
  expect(new Set(failureSignatures.map(({ code }) => code)).size).toBe(failureSignatures.length);
  for (const { code, title, remedy, sources, lines, matches, signs } of failureSignatures) {
    expect(code).toMatch(/^[a-z0-9]+(-[a-z0-9]+)+$|^killed$/);
    expect(title, code).toMatch(/^[a-z].*[^.]$/);
    expect(remedy, code).toMatch(/^[A-Z].*\.$/);
    expect(sources.length, code).toBeGreaterThan(0);
    for (const source of sources) expect(source).toMatch(/^[\w.-]+\/[\w.-]+#\d+$/);
    for (const { source, flags } of lines) expect(source.startsWith('^') && !flags.includes('g'), source).toBe(true);
    expect(lines.length > 0 || matches !== undefined, code).toBe(true);
    expect(matches === undefined, code).toBe(signs === undefined);
  }
});

test('output that is made to be slow to match is matched at once', () => {
  const hostile = [
    '[',
    '[TRT] ',
    '1: [',
    'a.',
    'E0116 03:59:20.053910 ',
    "failed to load 'x' version 1: ",
    'x: ',
    '\\n1 ',
  ]
    .map((piece) => piece.repeat(2_000_000 / piece.length))
    .join('\n');
  const startedMs = performance.now();
  classifyFailure({
    tool: 'triton',
    log: `${hostile}\n${'Error Code 1: ('.repeat(9)}`.repeat(2),
    exitCode: 1,
    signal: null,
  });
  expect(performance.now() - startedMs).toBeLessThan(2_000);
  expect(errorLines('x'.repeat(10_000))[0]).toHaveLength(2_000);
});
