import { execFileSync, spawnSync } from 'node:child_process';
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, onTestFinished, test } from 'vitest';
import { readToolchainDescription } from '../../src/platform/toolchain-installation.js';
import { imagePaths, toolchainImages } from '../../src/toolchains/images.js';

const infra = fileURLToPath(new URL('../../infra/docker/', import.meta.url));
const dockerfile = readFileSync(join(infra, 'Dockerfile'), 'utf8');

/** A directory with one program in it. */
function programs(name: string, script: string): string {
  const directory = mkdtempSync(join(tmpdir(), 'enginesmith-build-'));
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }));
  writeFileSync(join(directory, name), `#!/bin/bash\n${script}\n`);
  chmodSync(join(directory, name), 0o755);
  return directory;
}

/** Builds nothing: says what it was asked to, and then the image's id. */
const docker = `if [ "$1" = build ]; then printf '%s\\n' "$@"; else echo sha256:built; fi`;

const build = (...words: string[]) => {
  const directory = programs('docker', docker);
  return spawnSync(join(infra, 'build.sh'), words, {
    encoding: 'utf8',
    env: { PATH: `${directory}:${process.env.PATH}` },
  });
};

test.each(toolchainImages)(
  'build.sh builds $release on its base with its pins, and prints the digest alone',
  (image) => {
    const { stdout, stderr, status } = build(image.release);
    expect({ stdout, status }).toEqual({ stdout: 'sha256:built\n', status: 0 });
    const given = stderr.split('\n').filter((line) => /^[A-Z]+=/.test(line));
    expect(given).toEqual([
      `BASE=${image.base}`,
      `RELEASE=${image.release}`,
      `QUANTIZER=${image.quantizer ?? '-'}`,
      `TORCHVISION=${image.torchvision ?? '-'}`,
      `TRITONCLIENT=${image.tritonclient}`,
    ]);
    for (const argument of given) expect(dockerfile).toMatch(new RegExp(`^ARG ${argument.split('=')[0]}\\b`, 'm'));
  },
);

test.each(['v0.1', 'v0.10', '0.10.0', 'v1.0.0'])(
  'build.sh refuses the release %s with those that it knows',
  (release) => {
    const { stderr, status } = build(release);
    expect(status).toBe(2);
    expect(stderr).toContain('known are: v0.9.0 v0.10.0 v0.11.0 v0.12.0 v0.13.0');
  },
);

test('the Dockerfile puts in place what is looked for in an image, but for what the base holds', () => {
  const copied = [...dockerfile.matchAll(/^COPY --from=sources .* (\S+)$/gm)].map(([, target = '']) => target);
  const ofBase = '/opt/tritonserver/';
  for (const path of imagePaths.map((name) => name.replace('{toolchain}', ''))) {
    expect([ofBase, ...copied].some((target) => `${path}/`.startsWith(target) || target.startsWith(`${path}/`))).toBe(
      true,
    );
  }
});

test('the description of a toolchain has the GPUs that nvidia-smi lists, and can be read', async () => {
  const lines = [
    '0, GPU-11111111-aaaa-bbbb-cccc-000000000001, 9.0, 81559',
    '1, GPU-22222222-aaaa-bbbb-cccc-000000000002, 8.9, 46068',
  ];
  const smi = `test "$1" = --query-gpu=index,uuid,compute_cap,memory.total && printf '%s\\n' '${lines.join("' '")}'`;
  const directory = programs('nvidia-smi', smi);
  const image = `registry.example/trtllm@sha256:${'d'.repeat(64)}`;
  const words = [join(infra, 'describe-toolchain.mjs'), 'trtllm-0.10', 'v0.10.0', image];
  const text = execFileSync(process.execPath, words, {
    encoding: 'utf8',
    env: { PATH: `${directory}:${process.env.PATH}` },
  });
  writeFileSync(join(directory, 'toolchain.json'), text);
  expect(await readToolchainDescription(directory)).toEqual({
    name: 'trtllm-0.10',
    release: 'v0.10.0',
    identity: 'd'.repeat(64),
    environment: {},
    root: '',
    runner: { kind: 'docker', image, root: '/', program: 'docker', runtime: 'nvidia' },
    devices: [
      { index: 0, class: 'sm90', memoryBytes: 81559 * 2 ** 20, uuid: 'GPU-11111111-aaaa-bbbb-cccc-000000000001' },
      { index: 1, class: 'sm89', memoryBytes: 46068 * 2 ** 20, uuid: 'GPU-22222222-aaaa-bbbb-cccc-000000000002' },
    ],
  });
});
