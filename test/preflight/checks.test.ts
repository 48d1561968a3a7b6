import { chmod, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { readConfiguration } from '../../src/platform/config.js';
import { openHostGpus } from '../../src/platform/gpus/host-gpus.js';
import { placesOf } from '../../src/platform/places.js';
import type { DockerRunner } from '../../src/platform/toolchain-installation.js';
import { type CheckedHost, runChecks } from '../../src/preflight/check.js';
import { checks } from '../../src/preflight/checks.js';
import { imageName, imageProgram, standInDocker } from '../support/stand-in-docker.js';
import { realGpus, standInNvidiaSmi } from '../support/stand-in-nvidia-smi.js';

const [first, second] = realGpus;
const nobody: Awaited<ReturnType<CheckedHost['leases']['report']>> = {
  leases: [],
  waiters: [],
  quarantined: [],
  loans: [],
};

/** A host with two H100, as a real nvidia-smi describes them, and TensorRT-LLM v0.10 below a root that is empty. */
async function openHost(changes: Partial<CheckedHost> = {}, toolchain: Partial<CheckedHost['toolchain']> = {}) {
  const home = await mkdtemp(join(tmpdir(), 'enginesmith-preflight-'));
  onTestFinished(() => rm(home, { recursive: true, force: true }));
  const nvidiaSmi = await standInNvidiaSmi(home);
  const gpus = await openHostGpus(undefined, nvidiaSmi.environment);
  const configuration = readConfiguration({
    ENGINESMITH_HOME: home,
    ENGINESMITH_CACHE: join(home, 'cache'),
    ENGINESMITH_HOST: 'host',
  });
  const host: CheckedHost = {
    configuration,
    places: placesOf(configuration),
    toolchain: {
      name: 'trtllm-0.10',
      release: 'v0.10.0',
      root: home,
      environment: {},
      runner: { kind: 'host' },
      ...toolchain,
    },
    gpus,
    devices: gpus.devices,
    leases: { report: async () => nobody },
    environment: nvidiaSmi.environment,
    ...changes,
  };
  const check = async (name: string) => {
    const found = await runChecks(
      checks.filter((one) => one.name === name),
      host,
    );
    return found.map(({ status, found: said, remedy }) => ({ status, said: `${said}. ${remedy ?? ''}` }));
  };
  return { home, host, nvidiaSmi, check };
}

const says = (status: string, said: RegExp) => ({ status, said: expect.stringMatching(said) });

test('a host with two idle H100 and a current driver is well', async () => {
  const { check } = await openHost();
  expect(await check('driver')).toEqual([says('ok', /580\.159\.04/)]);
  expect(await check('gpu-health')).toEqual([says('ok', /2 GPUs answer/)]);
  expect(await check('gpu-memory')).toEqual([says('ok', /GPU 0: 79\.6 GiB free/), says('ok', /GPU 1: 79\.6 GiB free/)]);
  expect(await check('quarantine')).toEqual([says('ok', /no device/)]);
  expect(await check('architecture')).toEqual([says('ok', /trtllm-0\.10 runs on sm90/)]);
});

test('a driver that is too old for CUDA 12, or that does not answer, is named with what helps', async () => {
  const { check, nvidiaSmi } = await openHost();
  const driven = (version: string) =>
    nvidiaSmi.configure({ query: (printed) => printed.replaceAll('580.159.04', version) });
  await driven('525.60.11');
  expect(await check('driver')).toEqual([says('fail', /525\.60\.11; CUDA 12 needs 525\.60\.13.*Update/)]);
  await driven('525.60.13');
  expect(await check('driver')).toEqual([says('ok', /525\.60\.13/)]);
  const broken = await openHost({ gpus: { problem: 'nvidia-smi exited with code 9\nLoad it.' }, devices: [] });
  expect(await broken.check('driver')).toEqual([says('fail', /code 9\. Load it\./)]);
});

test('memory errors, a lost GPU and a driver that is not kept loaded are told apart', async () => {
  const { check, nvidiaSmi } = await openHost();
  await nvidiaSmi.configure({ query: (printed) => printed.replace('Default, 0', 'Default, 12') });
  expect(await check('gpu-health')).toEqual([says('fail', /GPU 0 has had 12 uncorrectable.*--gpu-reset -i 0/)]);
  await nvidiaSmi.configure({ query: (printed) => printed.replace(/^.*\n/, '') });
  expect(await check('gpu-health')).toEqual([says('fail', new RegExp(`${first} is gone.*Xid`))]);
  await nvidiaSmi.configure({ query: (printed) => printed.replace('Disabled, Enabled', 'Disabled, Disabled') });
  expect(await check('gpu-health')).toEqual([says('warn', /GPU 0: persistence mode is off/)]);
});

test('a stranger that fills a GPU is named, and one of ours is not', async () => {
  const { check, host, nvidiaSmi } = await openHost();
  await nvidiaSmi.configure({
    query: (printed) => printed.replace(/81079, 0(?=.*\n$)/, '41079, 40000'),
    processes: [{ gpu_uuid: second, pid: 579, process_name: 'python3', used_memory: 39_990 }],
  });
  expect(await check('gpu-memory')).toEqual([
    says('ok', /GPU 0/),
    says('fail', /39\.1 GiB of 79\.6 GiB of GPU 1 are used by 579 python3\. End them/),
  ]);
  const lease = { uuid: second, index: 1, holder: 'triton-chat-1', since: '', serving: true };
  host.leases = { report: async () => ({ ...nobody, leases: [lease] }) };
  expect((await check('gpu-memory'))[1]).toEqual(says('ok', /GPU 1 is leased to triton-chat-1/));
});

test('a GPU in quarantine is told with its processes', async () => {
  const since = '2026-11-28T18:00:00.000Z';
  const entry = {
    uuid: first,
    index: 0,
    holder: 'build',
    reason: 'processes of build are left on it',
    pids: [4, 5],
    processes: [],
    since,
    checkedAt: since,
  };
  const { check } = await openHost({ leases: { report: async () => ({ ...nobody, quarantined: [entry] }) } });
  expect(await check('quarantine')).toEqual([
    says('warn', /GPU 0 .* left on it \(4, 5\)\. End them \(`kill -9 4 5`\)/),
  ]);
});

test('what a release cannot do on an architecture is told', async () => {
  const { check, host } = await openHost();
  const of = (gpuClass: string) => [{ index: 0, class: gpuClass, memoryBytes: 1, uuid: 'GPU-0' }];
  host.devices = of('sm80');
  expect(await check('architecture')).toEqual([
    says('warn', /sm80 has not: format fp8, format w4a8_awq, an FP8 KV cache/),
  ]);
  host.devices = of('sm100');
  expect(await check('architecture')).toEqual([
    says('fail', /does not run on sm100\. It runs on sm80, sm86, sm89, sm90/),
  ]);
});

test('programs that are missing or do not start are named', async () => {
  const { check, home } = await openHost({}, { environment: { PATH: '/nowhere' } });
  const none = await check('tools');
  expect(none.slice(0, 3)).toEqual(
    ['python3', 'mpirun', 'trtllm-build'].map((program) => says('fail', new RegExp(`${program} is not on`))),
  );
  expect(none[3]).toEqual(says('fail', /missing: .*quantize\.py.*Install the whole toolchain v0\.10\.0/));
  const bin = join(home, 'bin');
  await mkdir(bin);
  for (const [program, script] of [
    ['python3', 'echo Python 3.10.12'],
    ['mpirun', 'echo no route >&2; exit 3'],
  ] as const) {
    await writeFile(join(bin, program), `#!/bin/sh\n${script}\n`);
    await chmod(join(bin, program), 0o755);
  }
  const some = await openHost({}, { environment: { PATH: bin } });
  expect((await some.check('tools')).slice(0, 2)).toEqual([
    says('ok', /python3: Python 3\.10\.12/),
    says('fail', /mpirun --version exits with 3: no route/),
  ]);
});

test('docker, its container toolkit and the image are asked', async () => {
  const { host, home, check } = await openHost();
  const python = join(home, 'usr/bin/python3');
  await mkdir(join(home, 'usr/bin'), { recursive: true });
  await writeFile(python, imageProgram('exit 1', '0.10.0'), { mode: 0o755 });
  const stand = await standInDocker(home, [home], { gpus: [...realGpus], runtimes: ['runc', 'nvidia'] });
  const runner: DockerRunner = { kind: 'docker', image: imageName, root: '/', program: stand.program };
  host.toolchain = { ...host.toolchain, runner, environment: { PATH: [join(home, 'usr/bin')] } };
  expect(await check('docker')).toEqual([
    says('ok', /docker 28\.2\.2/),
    says('ok', /runtime nvidia is registered/),
    says('ok', /holds TensorRT-LLM 0\.10\.0/),
  ]);
  expect(await check('tools')).toEqual([]);
  await stand.configure({ runtimes: ['runc'], images: [] });
  expect(await check('docker')).toEqual([
    says('ok', /docker/),
    says('warn', /no runtime nvidia, only runc.*nvidia-ctk/),
    says('fail', /is not on this host\. `docker login registry\.example:5000`.*docker pull/),
  ]);
  await stand.configure({ daemon: 'stopped' });
  expect(await check('docker')).toEqual([says('fail', /daemon cannot be reached/)]);
});

test('no Temporal server is a finding, and so is every check that breaks', async () => {
  const { check } = await openHost({ temporalAddress: '127.0.0.1:9' });
  expect(await check('temporal')).toEqual([
    says('fail', /No Temporal server answers at 127\.0\.0\.1:9.*enginesmith dev/),
  ]);
  const broken = await openHost({ leases: { report: () => Promise.reject(new Error('a damaged file')) } });
  expect(await broken.check('quarantine')).toEqual([says('fail', /a damaged file/)]);
});

test('the checks before a tool fail on this machine for no virtual device', async () => {
  const devices = [{ index: 0, class: 'cpu', memoryBytes: 1 }];
  const { host } = await openHost({ devices, gpus: await openHostGpus(devices, {}) }, { name: 'reference-cpu' });
  const results = await runChecks(
    checks.filter(({ beforeTools }) => beforeTools),
    host,
  );
  expect(results.map(({ check }) => check)).toEqual(['gpu-health', 'limits', 'shared-memory', 'host-memory']);
  expect(results.filter(({ status }) => status === 'fail')).toEqual([]);
});
