import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { findFreePorts } from '../../src/platform/free-ports.js';

test('free ports are none that the kernel gives to outgoing connections', async () => {
  const [first = 0] = readFileSync('/proc/sys/net/ipv4/ip_local_port_range', 'utf8').split(/\s+/).map(Number);
  const ports = await findFreePorts(50);
  expect(new Set(ports).size).toBe(50);
  for (const port of ports) expect(port).toBeLessThan(first);
});
