import { mkdir } from 'node:fs/promises';
import { dirname } from 'node:path';
import * as z from 'zod';
import { readRecord, replaceRecord } from '../json-record.js';
import { type GpuDevice, uuidOf } from './device.js';

const recordSchema = z.object({
  driver: z.string().nullable(),
  devices: z.array(z.object({ uuid: z.string(), index: z.int(), class: z.string(), memoryBytes: z.number() })),
});
type InventoryRecord = z.infer<typeof recordSchema>;

/**
 * Remembers a host's devices, and says what has changed since a worker remembered them last: a GPU that is gone, or another
 * driver, explains what happens from now on.
 * @returns one sentence a change; none at the first start
 */
export async function recordInventory(
  path: string,
  { driver, devices }: { driver: string | null; devices: readonly GpuDevice[] },
): Promise<string[]> {
  const now: InventoryRecord = {
    driver,
    devices: devices.map((device) => ({
      uuid: uuidOf(device),
      index: device.index,
      class: device.class,
      memoryBytes: device.memoryBytes,
    })),
  };
  const before = await readRecord(path, recordSchema);
  await mkdir(dirname(path), { recursive: true });
  await replaceRecord(path, now);
  return before === undefined ? [] : changesBetween(before, now);
}

function changesBetween(before: InventoryRecord, now: InventoryRecord): string[] {
  const without = (some: InventoryRecord, others: InventoryRecord) =>
    some.devices.filter(({ uuid }) => !others.devices.some((other) => other.uuid === uuid));
  return [
    ...(before.driver === now.driver
      ? []
      : [`the driver was ${before.driver ?? 'none'} and is ${now.driver ?? 'none'}`]),
    ...without(before, now).map(({ uuid, index }) => `${uuid}, which was GPU ${index}, is gone`),
    ...without(now, before).map(
      ({ uuid, index, class: deviceClass }) => `${uuid}, GPU ${index}, ${deviceClass}, is new`,
    ),
    ...now.devices.flatMap(({ uuid, index }) => {
      const known = before.devices.find((device) => device.uuid === uuid);
      return known === undefined || known.index === index ? [] : [`${uuid} was GPU ${known.index} and is GPU ${index}`];
    }),
  ];
}
