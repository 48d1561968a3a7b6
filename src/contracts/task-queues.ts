/** Workflows. */
export const WORKFLOW_TASK_QUEUE = 'enginesmith';

/** Activities that need no GPU: admit, locate, download, gate. */
export const CPU_TASK_QUEUE = 'enginesmith-cpu';

/**
 * Activities that need `gpus` GPUs of a class. Only hosts with that many such GPUs poll it.
 * @param gpuClass as in `sm90`, or `cpu` for the virtual devices of the reference toolchain
 */
export const gpuTaskQueue = (gpuClass: string, gpus: number): string => `enginesmith-gpu-${gpuClass}-x${gpus}`;

/** Activities on the Tritons of one serving host. */
export const serveTaskQueue = (host: string): string => `enginesmith-serve-${host}`;
