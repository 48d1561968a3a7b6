import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { openHostGpus } from '../../../src/platform/gpus/host-gpus.js';
import { recordInventory } from '../../../src/platform/gpus/inventory-record.js';
import { realGpus, standInNvidiaSmi } from '../../support/stand-in-nvidia-smi.js';

const [first, second] = realGpus;
const mebibyte = 2 ** 20;

async function temporaryDirectory(): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'enginesmith-gpus-'));
  onTestFinished(() => rm(directory, { recursive: true, force: true }));
  return directory;
}

const standIn = async (settings: Parameters<typeof standInNvidiaSmi>[1] = {}) =>
  standInNvidiaSmi(await temporaryDirectory(), settings);

const h100 = (index: number, uuid: string) => ({ index, class: 'sm90', memoryBytes: 81559 * mebibyte, uuid });

test('a host is what its driver lists', async () => {
  const { environment } = await standIn();
  const gpus = await openHostGpus(undefined, environment);
  expect(gpus.devices).toEqual([h100(0, first), h100(1, second)]);
  const { driver, gpus: listed } = await gpus.inventory();
  expect(driver).toBe('580.159.04');
  expect(listed[1]).toMatchObject({
    name: 'NVIDIA H100 80GB HBM3',
    pciBusId: '00000000:00:07.0',
    memoryFreeBytes: 81079 * mebibyte,
    persistenceMode: 'Enabled',
    computeMode: 'Default',
    uncorrectedEccErrors: 0,
    problem: null,
  });
  expect(await gpus.processes()).toEqual([]);
});

test('a process is told with its GPU and its memory, whatever its name holds', async () => {
  const { environment, configure } = await standIn();
  const gpus = await openHostGpus(undefined, environment);
  const seen = { gpu_uuid: second, pid: 579, process_name: 'python3 --a=1,2', used_memory: 1634 };
  await configure({
    processes: [seen, { ...seen, gpu_uuid: first, pid: 580, used_memory: '[N/A]', process_name: '[Not Found]' }],
  });
  expect(await gpus.processes()).toEqual([
    { uuid: second, pid: 579, name: 'python3 --a=1,2', usedMemoryBytes: 1634 * mebibyte },
    { uuid: first, pid: 580, name: '', usedMemoryBytes: null },
  ]);
});

test('in MIG mode the instances are the devices', async () => {
  const { environment } = await standIn({
    query: (printed) => printed.replace('Disabled', 'Enabled'),
    list: [
      `GPU 0: NVIDIA H100 80GB HBM3 (UUID: ${first})`,
      '  MIG 3g.40gb     Device  0: (UUID: MIG-c7384736-a75d-5afc-978f-d2f1294409fd)',
      '  MIG 1g.10gb+me  Device  1: (UUID: MIG-a28ad590-3fda-56dd-84fc-0a0b96edc58d)',
      `GPU 1: NVIDIA H100 80GB HBM3 (UUID: ${second})`,
      '',
    ].join('\n'),
  });
  const { devices } = await openHostGpus(undefined, environment);
  const mig = (profile: string) => ({ parentUuid: first, profile });
  expect(devices).toEqual([
    { ...h100(0, 'MIG-c7384736-a75d-5afc-978f-d2f1294409fd'), memoryBytes: 40 * 2 ** 30, mig: mig('3g.40gb') },
    { ...h100(0, 'MIG-a28ad590-3fda-56dd-84fc-0a0b96edc58d'), memoryBytes: 10 * 2 ** 30, mig: mig('1g.10gb+me') },
    h100(1, second),
  ]);
});

test.each<[string, (printed: string) => string, RegExp]>([
  [
    'is lost',
    (printed) => printed.replace('81559', '[GPU is lost]'),
    /says \[GPU is lost\] where its memory\.total should be.*Xid/,
  ],
  ['answers ERR!', (printed) => printed.replace('9.0', 'ERR!'), /says ERR! where its compute_cap/],
  ['lets nobody in', (printed) => printed.replace('Default', 'Prohibited'), /--compute-mode=DEFAULT/],
])('a GPU that %s is left out, and its like are not', async (_, query, problem) => {
  const { environment } = await standIn({ query });
  const gpus = await openHostGpus(undefined, environment);
  expect(gpus.devices).toEqual([h100(1, second)]);
  expect((await gpus.inventory()).gpus[0]?.problem).toMatch(problem);
  await expect(openHostGpus([{ uuid: first }], environment)).rejects.toMatchObject({
    type: 'PrerequisiteMissing',
    message: expect.stringMatching(problem),
  });
});

test('what the driver does not tell or may not tell is no problem where no lease depends on it', async () => {
  const { environment } = await standIn({
    query: (printed) => printed.replace('81079, 0, 0', '[Insufficient Permissions], [N/A], [Not Supported]'),
  });
  const gpus = await openHostGpus(undefined, environment);
  expect(gpus.devices).toHaveLength(2);
  const unknown = { memoryFreeBytes: null, memoryUsedBytes: null, utilizationPercent: null, problem: null };
  expect((await gpus.inventory()).gpus[0]).toMatchObject(unknown);
});

test.each([
  [9, "NVIDIA-SMI has failed because it couldn't communicate with the NVIDIA driver.", /not loaded.*modprobe/s],
  [12, 'Failed to initialize NVML', /libnvidia-ml.*Container Toolkit/s],
  [15, 'Unable to determine the device handle for GPU 0000:02:00.0: GPU is lost.', /fallen off the bus.*reboot/s],
  [18, 'Failed to initialize NVML: Driver/library version mismatch', /different releases.*reboot/s],
  [255, 'Failed to initialize NVML: Unknown Error', /container has lost its GPUs/],
  [6, 'No devices were found', /no such GPU/],
  [0, 'No devices were found', /no such GPU/],
  [2, 'Field "compute_cap" is not a valid field to query.', /R510/],
  [99, 'something new', /exited with code 99: something new/],
])('exit code %i with "%s" says what to do', async (code, text, message) => {
  const { environment } = await standIn({ exit: { code, text } });
  await expect(openHostGpus(undefined, environment)).rejects.toMatchObject({
    type: 'PrerequisiteMissing',
    message: expect.stringMatching(message),
  });
});

test('without nvidia-smi there is no driver', async () => {
  const directory = await temporaryDirectory();
  await expect(openHostGpus(undefined, { PATH: directory })).rejects.toMatchObject({
    type: 'PrerequisiteMissing',
    message: expect.stringMatching(/no nvidia-smi on PATH/),
  });
});

test('words that no driver says are named', async () => {
  const { environment } = await standIn({ query: () => 'GPU zero, and so on\n' });
  await expect(openHostGpus(undefined, environment)).rejects.toThrow(
    /printed "GPU zero, and so on.*": index must be a whole number/,
  );
});

test('a toolchain may have some of the GPUs, by UUID or by index, and nothing that is not there', async () => {
  const { environment } = await standIn();
  expect((await openHostGpus([{ uuid: second }], environment)).devices).toEqual([h100(1, second)]);
  const byIndex = { index: 0, class: 'sm90', memoryBytes: 1 };
  expect((await openHostGpus([byIndex], environment)).devices).toEqual([h100(0, first)]);
  await expect(openHostGpus([{ uuid: 'GPU-0' }], environment)).rejects.toThrow(
    /lists GPU-0, and this host has GPU-1111/,
  );
  await expect(openHostGpus([{ ...byIndex, class: 'sm89' }], environment)).rejects.toThrow(
    /is sm89, .*driver says sm90/,
  );
});

test('virtual devices need no driver, and have names that last', async () => {
  const virtual = [0, 1].map((index) => ({ index, class: 'cpu', memoryBytes: 1 }));
  const gpus = await openHostGpus(virtual, { PATH: '' });
  const named = virtual.map((device) => ({ ...device, uuid: `VIRTUAL-cpu-${device.index}` }));
  expect(gpus.devices).toEqual(named);
  expect(await gpus.inventory()).toMatchObject({ driver: null, devices: named });
  await expect(openHostGpus([...virtual, { uuid: first }], { PATH: '' })).rejects.toThrow(/both GPUs and virtual/);
});

test('what changes between two starts is told', async () => {
  const path = join(await temporaryDirectory(), 'host/gpus.json');
  const before = { driver: '570.1', devices: [h100(0, first), h100(1, second)] };
  expect(await recordInventory(path, before)).toEqual([]);
  expect(await recordInventory(path, before)).toEqual([]);
  const added = h100(1, 'GPU-3');
  expect(await recordInventory(path, { driver: '580.2', devices: [h100(0, second), added] })).toEqual([
    'the driver was 570.1 and is 580.2',
    `${first}, which was GPU 0, is gone`,
    'GPU-3, GPU 1, sm90, is new',
    `${second} was GPU 1 and is GPU 0`,
  ]);
});
