/**
 * Shows that leases hold on a host with NVIDIA GPUs: inventory, a lease by UUID, a CUDA process under a supervisor, quarantine
 * while it lives, and a clean GPU afterwards; with several GPUs also two holders at once, and a set that is leased whole or
 * not at all. Runs the sources. Needs the npm packages, nvidia-smi and a python3; no Temporal,
 * no CUDA toolkit: the process calls the driver's libcuda.
 * Usage: node infra/gpu-proof.mjs. One JSON line a claim, {"claim","ok",…}; exits 1 when one does not hold.
 */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { register } from 'tsx/esm/api';

register();
const source = (path) => import(new URL(`../src/${path}`, import.meta.url));
const { createGpuLeases } = await source('platform/gpu-leases.ts');
const { openHostGpus } = await source('platform/gpus/host-gpus.ts');
const { leftProcesses } = await source('platform/gpus/left-processes.ts');
const { visibleDevices } = await source('platform/gpus/device.ts');
const { createHostLauncher } = await source('platform/host-launcher.ts');
const { createJobRunner } = await source('platform/process/job-runner.ts');

const MIB = 1024 * 1024;
const HOLDER = 'gpu-proof';
const SECOND = 'gpu-proof-2';
const WHOLE = 'gpu-proof-all';

/** Holds a GiB of the first device that CUDA shows it, as a calibration that hangs would, and says what it sees. */
const HOLDS_MEMORY = `
import ctypes, json, os, sys, time
cuda = ctypes.CDLL("libcuda.so.1")
def call(name, *arguments):
    code = getattr(cuda, name)(*arguments)
    if code != 0:
        print(json.dumps({"failed": name, "code": code}), flush=True)
        sys.exit(1)
call("cuInit", 0)
count = ctypes.c_int()
call("cuDeviceGetCount", ctypes.byref(count))
device, context, pointer = ctypes.c_int(), ctypes.c_void_p(), ctypes.c_uint64()
call("cuDeviceGet", ctypes.byref(device), 0)
call("cuCtxCreate_v2", ctypes.byref(context), 0, device)
call("cuMemAlloc_v2", ctypes.byref(pointer), ctypes.c_size_t(1 << 30))
print(json.dumps({"pid": os.getpid(), "visible": os.environ.get("CUDA_VISIBLE_DEVICES"), "devices": count.value}), flush=True)
time.sleep(600)
`;

let failures = 0;
function claim(name, ok, facts = {}) {
  if (!ok) failures += 1;
  console.log(JSON.stringify({ claim: name, ok, ...facts }));
}

async function within(milliseconds, probe) {
  const deadline = Date.now() + milliseconds;
  for (;;) {
    const value = await probe();
    if (value || Date.now() > deadline) return value;
    await sleep(200);
  }
}

const home = mkdtempSync(join(tmpdir(), 'enginesmith-gpu-proof-'));
const jobs = createJobRunner({ jobsDirectory: join(home, 'jobs') });

/** Starts the CUDA process as a tool of the holder, and waits for what it says. */
async function holdMemory(holder, devices) {
  const launcher = createHostLauncher({ environment: {} }, process.env);
  const command = launcher.launch({
    jobId: holder,
    argv: ['python3', '-c', HOLDS_MEMORY],
    kind: 'task',
    gpus: devices,
    // Where drivers in containers keep libcuda.so.1 when ld.so.cache does not know it.
    variables: process.env.LD_LIBRARY_PATH ? { LD_LIBRARY_PATH: process.env.LD_LIBRARY_PATH } : {},
    workingDirectory: home,
  });
  await jobs.start({ ...command, ownerTimeoutMs: 600_000, killGraceMs: 1_000 });
  const { logPath } = await jobs.inspect(holder);
  const said = await within(60_000, () =>
    readFileSync(logPath, 'utf8')
      .split('\n')
      .find((line) => line.startsWith('{')),
  );
  return said === undefined
    ? { failed: 'no output', log: readFileSync(logPath, 'utf8').slice(-500) }
    : JSON.parse(said);
}

/** CUDA counts what it was shown, and it was shown what was leased. */
const sees = (said, devices) => said.visible === visibleDevices(devices) && said.devices === devices.length;

/** The process that nvidia-smi has on a device, once it has one. */
const processOn = (gpus, { uuid, mig }) =>
  within(10_000, async () => (await gpus.processes()).find((one) => one.uuid === uuid || one.uuid === mig?.parentUuid));

/** While one GPU is leased: a second holder gets another one, and nobody gets all of them. */
async function proveSeveral({ gpus, leases, device, peers }) {
  const lease = await leases.acquire({ holder: SECOND, count: 1, class: device.class });
  const [second] = lease?.devices ?? [];
  claim('a second holder gets another GPU', second !== undefined && second.uuid !== device.uuid, { second });
  const said = await holdMemory(SECOND, [second]);
  const seen = await processOn(gpus, second);
  claim(
    'its process is on that one, beside the first',
    sees(said, [second]) && seen?.uuid === second.uuid && (await processOn(gpus, device)) !== undefined,
    { said, processes: await gpus.processes() },
  );
  await jobs.stop(SECOND, { graceMs: 1_000 });
  claim('the second GPU is clean when it is given back', (await leases.release(SECOND)).length === 0);
  const all = await leases.acquire({ holder: WHOLE, count: peers.length, class: device.class });
  const list = await leases.list();
  claim('a set of all GPUs is not leased in part', all === undefined && list.every(({ holder }) => holder === HOLDER), {
    list,
  });
}

/** When all are free: a set is leased whole, and CUDA shows all of it. */
async function proveSet({ leases, peers }) {
  const lease = await leases.acquire({ holder: WHOLE, count: peers.length, class: peers[0].class });
  const devices = lease?.devices ?? [];
  const said = await holdMemory(WHOLE, devices);
  claim('a set of all GPUs is leased whole, and CUDA shows all of it', sees(said, devices), { said });
  await jobs.stop(WHOLE, { graceMs: 1_000 });
  claim('the set is clean when it is given back', (await leases.release(WHOLE)).length === 0, await leases.report());
}

try {
  const gpus = await openHostGpus(undefined, process.env);
  const inventory = await gpus.inventory();
  const listed = execFileSync('nvidia-smi', ['-L'], { encoding: 'utf8' });
  claim(
    'the inventory has every GPU that nvidia-smi lists',
    gpus.devices.every(({ uuid }) => listed.includes(uuid)),
    {
      driver: inventory.driver,
      devices: gpus.devices,
      gpus: inventory.gpus.map(({ name, memoryFreeBytes, problem }) => ({ name, memoryFreeBytes, problem })),
    },
  );

  const leases = createGpuLeases({
    directory: join(home, 'leases'),
    devices: gpus.devices,
    isHolderActive: async (holder) => (await jobs.inspect(holder)).state === 'running',
    leftOf: async (holder, devices) => leftProcesses({ gpus, ownProcesses: await jobs.processesOf(holder) }, devices),
    cleanWithinMs: 5_000,
    recheckAfterMs: 0,
  });

  const wanted = { holder: HOLDER, count: 1, class: gpus.devices[0].class };
  const peers = gpus.devices.filter((one) => one.class === wanted.class);
  const lease = await leases.acquire(wanted);
  const [device] = lease?.devices ?? [];
  claim('a GPU is leased by its UUID', device?.uuid !== undefined, { device, list: await leases.list() });
  const others = { holder: 'others', count: peers.length, class: device.class };
  claim('nobody else gets it', (await leases.acquire(others)) === undefined);

  const said = await holdMemory(HOLDER, [device]);
  claim('CUDA_VISIBLE_DEVICES is the UUID, and CUDA shows that one device', sees(said, [device]), { said });
  const seen = await processOn(gpus, device);
  claim(
    'nvidia-smi sees a process of at least a GiB on that UUID',
    seen !== undefined && (seen.usedMemoryBytes ?? 1024 * MIB) >= 1024 * MIB,
    { seen, samePid: seen?.pid === said.pid },
  );
  if (peers.length > 1) await proveSeveral({ gpus, leases, device, peers });

  const quarantined = await leases.release(HOLDER);
  claim(
    'a release while the process lives puts the GPU into quarantine',
    quarantined.some(({ uuid }) => uuid === device.uuid),
    { quarantined },
  );
  claim('a GPU in quarantine is not leased', (await leases.acquire(others)) === undefined, await leases.report());

  await jobs.stop(HOLDER, { graceMs: 1_000 });
  const again = await within(30_000, () => leases.acquire(others));
  claim(
    'after the kill it is clean, and leased again',
    again?.devices.some(({ uuid }) => uuid === device.uuid) ?? false,
    {
      processes: await gpus.processes(),
      report: await leases.report(),
    },
  );
  claim('a clean GPU is given back as it is', (await leases.release('others')).length === 0, await leases.report());
  const after = (await gpus.inventory()).gpus.find(({ uuid }) => uuid === (device.mig?.parentUuid ?? device.uuid));
  claim('its memory is free again', after !== undefined && (after.memoryUsedBytes ?? 0) < 1024 * MIB, { after });
  // CUDA shows a process one MIG device, however many it may see.
  if (peers.length > 1 && device.mig === undefined) await proveSet({ leases, peers });
} catch (failure) {
  claim('the proof ran to its end', false, { failure: `${failure?.stack ?? failure}` });
} finally {
  for (const holder of [HOLDER, SECOND, WHOLE]) await jobs.stop(holder, { graceMs: 0 }).catch(() => {});
  rmSync(home, { recursive: true, force: true });
}
process.exit(failures === 0 ? 0 : 1);
