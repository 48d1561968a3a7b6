import { type GpuDevice, isVirtual, visibleDevices } from '../gpus/device.js';

/** One job in a container: what runs, what it sees and how it is found again. */
export interface ContainerOptions {
  /** The docker client. */
  docker: string;
  /** By digest or id: a tag may move while pipelines run. */
  image: string;
  /** Unique on this host. */
  name: string;
  /** What identifies a leftover of ours. */
  labels: Record<string, string>;
  argv: readonly string[];
  /** The leased GPUs; virtual ones are not docker's to hand out. */
  gpus: readonly GpuDevice[];
  runtime?: string | undefined;
  network: 'host' | 'bridge' | 'none';
  /** Who owns what it writes. */
  user: { uid: number; gid: number };
  /** Absolute paths of this host, which are the same inside. */
  mounts: { readOnly: readonly string[]; readWrite: readonly string[] };
  workingDirectory: string;
  /** Variables that the container gets beside those of its image. They stand in argv: nothing secret. */
  variables: Record<string, string>;
  /** Names of variables that docker takes from its own environment, because their values may be secret. */
  handedOn: readonly string[];
}

/** Shared memory of one container. Ranks of one engine exchange data there; docker's 64 MB would not hold it. */
const SHARED_MEMORY = '16g';

/**
 * The `docker run` of a job. Paths are mounted where they are outside, so the tool's argv stays as it is. It runs in the
 * foreground: its output and its exit code are the tool's. Needs docker 20.10 or newer.
 */
export function dockerRunArgv(options: ContainerOptions): [program: string, ...rest: string[]] {
  const { docker, image, name, labels, argv, gpus, runtime, network, user, mounts, workingDirectory } = options;
  const real = gpus.filter((gpu) => !isVirtual(gpu));
  const variables = { ...options.variables, ...deviceVariables(gpus), TINI_KILL_PROCESS_GROUP: '1' };
  return [
    docker,
    'run',
    '--rm',
    // An image that is not there is an error: gigabytes are not fetched behind anybody's back.
    '--pull=never',
    `--name=${name}`,
    ...Object.entries(labels).map(([label, value]) => `--label=${label}=${value}`),
    // Its init hands signals on, to the whole process group by TINI_KILL_PROCESS_GROUP, and reaps what tools leave.
    '--init',
    // The output goes to the client, which is the job's log: docker would keep a copy on its own disk.
    '--log-driver=none',
    '--stop-timeout=10',
    // Docker reads the value as CSV: without the quotes inside it, a comma would end the list of devices.
    ...(real.length === 0 ? [] : [`--gpus="device=${visibleDevices(real)}"`]),
    ...(runtime === undefined ? [] : [`--runtime=${runtime}`]),
    `--network=${network}`,
    `--shm-size=${SHARED_MEMORY}`,
    '--ulimit=memlock=-1',
    '--ulimit=stack=67108864',
    `--user=${user.uid}:${user.gid}`,
    ...mounts.readOnly.map((path) => `--mount=${bindMount(path)},readonly`),
    ...mounts.readWrite.map((path) => `--mount=${bindMount(path)}`),
    `--workdir=${workingDirectory}`,
    ...Object.entries(variables).map(([variable, value]) => `--env=${variable}=${value}`),
    ...options.handedOn.map((variable) => `--env=${variable}`),
    image,
    ...argv,
  ];
}

/**
 * CUDA counts what a container has from 0, whatever the host calls it. The image's own `NVIDIA_VISIBLE_DEVICES=all` is always
 * replaced: the nvidia runtime would show every GPU. `none` shows none of them, but the driver's libraries.
 */
function deviceVariables(gpus: readonly GpuDevice[]): Record<string, string> {
  const real = gpus.filter((gpu) => !isVirtual(gpu));
  if (real.length === 0) return { NVIDIA_VISIBLE_DEVICES: 'none', CUDA_VISIBLE_DEVICES: visibleDevices(gpus) };
  return {
    NVIDIA_VISIBLE_DEVICES: visibleDevices(real),
    CUDA_VISIBLE_DEVICES: real.map((_, position) => position).join(','),
  };
}

/** `--mount` fails where the source is missing; `--volume` would create it, owned by root. */
const bindMount = (path: string): string =>
  ['type=bind', csvField(`source=${path}`), csvField(`target=${path}`)].join(',');

const csvField = (field: string): string => (/[",\n]/.test(field) ? `"${field.replaceAll('"', '""')}"` : field);
