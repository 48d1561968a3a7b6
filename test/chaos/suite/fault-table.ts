import type { Fault } from './fault.js';
import { cancelDeaf, flood, garbage, grandchildren, hang, silent } from './faults/bad-tool.js';
import { cancel, cancelUnheard } from './faults/cancel.js';
import { clockBack, clockForward } from './faults/clock-jump.js';
import { diskFull } from './faults/disk-full.js';
import { killMirror, killOrchestrator, killTemporal } from './faults/kill-server.js';
import { killRank, killSupervisor, killTool, killToolAlways } from './faults/kill-tool.js';
import { killCandidate, killServing } from './faults/kill-triton.js';
import { deployWorker, killWorker, loseWorker } from './faults/kill-worker.js';
import { cutConnection, serverError } from './faults/network.js';
import { oneArtifact, oneGpu } from './faults/rivals.js';

/** Every kind of fault, by the name that `faults.yaml` calls it. */
export const faults: Readonly<Record<string, Fault>> = {
  'kill-worker': killWorker,
  'lose-worker': loseWorker,
  'deploy-worker': deployWorker,
  'kill-tool': killTool,
  'kill-tool-always': killToolAlways,
  'kill-supervisor': killSupervisor,
  'kill-temporal': killTemporal,
  'kill-orchestrator': killOrchestrator,
  'kill-mirror': killMirror,
  'cut-connection': cutConnection,
  'server-error': serverError,
  'disk-full': diskFull,
  'tool-hangs': hang,
  'tool-floods': flood,
  'tool-writes-garbage': garbage,
  'tool-makes-nothing': silent,
  'tool-leaves-grandchildren': grandchildren,
  'clock-forward': clockForward,
  'clock-back': clockBack,
  'rivals-for-gpus': oneGpu,
  'rivals-for-an-artifact': oneArtifact,
  'kill-candidate': killCandidate,
  'kill-serving': killServing,
  'kill-rank': killRank,
  cancel,
  'cancel-deaf-tool': cancelDeaf,
  'cancel-unheard': cancelUnheard,
};
