import { createGpuLeases } from '../../src/platform/gpu-leases.js';

/** One of several processes that want a device: prints what it got, then lives until it is killed. */
const [directory = '', holder = '', count = '1'] = process.argv.slice(2);
const devices = [0, 1].map((index) => ({ index, class: 'cpu', memoryBytes: 1 }));
const leases = createGpuLeases({ directory, devices, isHolderActive: async (name) => name.startsWith('deployment/') });
const lease = await leases.acquire({ holder, count: Number(count) });
console.log(JSON.stringify(lease?.devices.map(({ index }) => index) ?? []));
setInterval(() => {}, 1000);
