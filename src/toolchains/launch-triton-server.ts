import { commandOf, execution, located, path } from './ask.js';
import type { CommandTemplate } from './command.js';
import type { ReleaseNumber } from './contracts/contracts.js';
import { toolPaths } from './releases.js';

/**
 * `launch_triton_server.py`: returns at once and leaves mpirun with one tritonserver a rank. `--force`, because its own check
 * for a running server refuses every second deployment on a host; ports are leased before it is called.
 * @param worldSize ranks: tp × pp of the engine
 */
export const launchTritonServerCommand = (worldSize: number, release: ReleaseNumber): CommandTemplate =>
  commandOf(
    release,
    'launch_triton_server.py',
    ['python3', toolPaths.launchTritonServer],
    [
      execution('--world_size', worldSize),
      located('--tritonserver', toolPaths.tritonServer),
      path('--model_repo', 'repository'),
      path('--grpc_port', 'grpcPort'),
      path('--http_port', 'httpPort'),
      path('--metrics_port', 'metricsPort'),
      execution('--force', true),
    ],
  );
