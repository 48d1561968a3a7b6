import { expect, test } from 'vitest';
import { type ContainerOptions, dockerRunArgv } from '../../../src/platform/docker/docker-run.js';

const gpu = (index: number, uuid = `GPU-${index}a`) => ({ index, class: 'sm90', memoryBytes: 1, uuid });

const argvOf = (changes: Partial<ContainerOptions> = {}): string[] =>
  dockerRunArgv({
    docker: '/usr/bin/docker',
    image: 'registry.example/trtllm@sha256:abc',
    name: 'enginesmith-0123-build-1',
    labels: { 'enginesmith.job': 'build-1' },
    argv: ['trtllm-build', '--checkpoint_dir', '/store/a'],
    gpus: [gpu(2), gpu(3)],
    network: 'bridge',
    user: { uid: 1000, gid: 1001 },
    mounts: { readOnly: ['/store/a'], readWrite: ['/scratch/build-1'] },
    workingDirectory: '/scratch/build-1',
    variables: { HF_HOME: '/scratch/build-1/huggingface' },
    handedOn: ['HTTPS_PROXY'],
    ...changes,
  });

test('a job becomes one docker run', () => {
  expect(argvOf({ runtime: 'nvidia' })).toEqual([
    '/usr/bin/docker',
    'run',
    '--rm',
    '--pull=never',
    '--name=enginesmith-0123-build-1',
    '--label=enginesmith.job=build-1',
    '--init',
    '--log-driver=none',
    '--stop-timeout=10',
    '--gpus="device=GPU-2a,GPU-3a"',
    '--runtime=nvidia',
    '--network=bridge',
    '--shm-size=16g',
    '--ulimit=memlock=-1',
    '--ulimit=stack=67108864',
    '--user=1000:1001',
    '--mount=type=bind,source=/store/a,target=/store/a,readonly',
    '--mount=type=bind,source=/scratch/build-1,target=/scratch/build-1',
    '--workdir=/scratch/build-1',
    '--env=HF_HOME=/scratch/build-1/huggingface',
    '--env=NVIDIA_VISIBLE_DEVICES=GPU-2a,GPU-3a',
    '--env=CUDA_VISIBLE_DEVICES=0,1',
    '--env=TINI_KILL_PROCESS_GROUP=1',
    '--env=HTTPS_PROXY',
    'registry.example/trtllm@sha256:abc',
    'trtllm-build',
    '--checkpoint_dir',
    '/store/a',
  ]);
});

const about = (argv: string[]) => argv.filter((argument) => /gpus|DEVICES/.test(argument));

test('a GPU is asked for by its UUID, and is counted from 0 inside', () => {
  expect(about(argvOf({ gpus: [gpu(5, 'GPU-1b'), gpu(7, 'MIG-2c')] }))).toEqual([
    '--gpus="device=GPU-1b,MIG-2c"',
    '--env=NVIDIA_VISIBLE_DEVICES=GPU-1b,MIG-2c',
    '--env=CUDA_VISIBLE_DEVICES=0,1',
  ]);
});

test('a tool without GPUs sees none, even where the image asks for all', () => {
  expect(about(argvOf({ gpus: [] }))).toEqual(['--env=NVIDIA_VISIBLE_DEVICES=none', '--env=CUDA_VISIBLE_DEVICES=']);
});

test('virtual devices are not asked of docker, and keep their names', () => {
  const virtual = { index: 2, class: 'cpu', memoryBytes: 1 };
  expect(about(argvOf({ gpus: [virtual] }))).toEqual([
    '--env=NVIDIA_VISIBLE_DEVICES=none',
    '--env=CUDA_VISIBLE_DEVICES=VIRTUAL-cpu-2',
  ]);
});

test('a path with a comma or a quote is mounted whole', () => {
  expect(argvOf({ mounts: { readOnly: ['/a,b'], readWrite: ['/c"d'] } })).toEqual(
    expect.arrayContaining([
      '--mount=type=bind,"source=/a,b","target=/a,b",readonly',
      '--mount=type=bind,"source=/c""d","target=/c""d"',
    ]),
  );
});
