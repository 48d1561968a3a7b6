import { type CommandTemplate, execution, executionSwitch, path } from './command.js';
import { toolPaths } from './releases.js';

/**
 * `launch_triton_server.py`, v0.10: returns at once and leaves mpirun with one tritonserver a rank. `--force`, because its
 * own check for a running server refuses every second deployment on a host; ports are leased before it is called.
 * @param worldSize ranks: tp × pp of the engine
 */
export const launchTritonServerCommand = (worldSize: number): CommandTemplate => ({
  program: ['python3', toolPaths.launchTritonServer],
  flags: [
    execution('--world_size', worldSize),
    { kind: 'path', name: '--tritonserver', value: toolPaths.tritonServer },
    path('--model_repo', 'repository'),
    path('--grpc_port', 'grpcPort'),
    path('--http_port', 'httpPort'),
    path('--metrics_port', 'metricsPort'),
    executionSwitch('--force'),
  ],
});
