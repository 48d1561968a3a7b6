import { uuidOf, visibleDevices } from './gpus/device.js';
import { requireScript } from './process/find-program.js';
import { programAndArguments, toolEnvironment } from './tool-environment.js';
import type { ToolLauncher } from './tool-launcher.js';
import type { ToolchainInstallation } from './toolchain-installation.js';

/** Runs a toolchain's programs as processes of this host. */
export const createHostLauncher = (
  toolchain: Pick<ToolchainInstallation, 'environment'>,
  workerEnvironment: NodeJS.ProcessEnv,
): ToolLauncher => ({
  launch: ({ jobId, argv, kind, gpus = [], variables = {}, workingDirectory }) => ({
    jobId,
    argv: programAndArguments(argv),
    kind,
    workingDirectory,
    gpus: gpus.map(uuidOf),
    environment: toolEnvironment(toolchain, workerEnvironment, {
      CUDA_VISIBLE_DEVICES: visibleDevices(gpus),
      ...variables,
    }),
  }),
  explainFailure: (argv) => requireScript(argv),
  processesOf: async (_, ofJob) => ofJob,
  // Whatever a job has left is known by its run, which the next attempt ends.
  sweep: async () => [],
});
