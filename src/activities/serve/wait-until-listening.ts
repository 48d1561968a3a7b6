import { setTimeout as delay } from 'node:timers/promises';
import { EnginesmithFailure } from '../../contracts/failures.js';
import type { JobRunner } from '../../platform/process/job-runner.js';
import { listeningPorts } from '../../platform/process/listening-ports.js';
import type { ToolLauncher } from '../../platform/tool-launcher.js';
import { processesOfHolder } from '../processes-of-holder.js';
import type { Endpoint } from './revision-places.js';

const POLL_MS = 200;

interface WaitUntilListeningOptions {
  jobs: JobRunner;
  launcher: ToolLauncher;
  jobId: string;
  ports: Endpoint;
  deadlineMs: number;
  signal: AbortSignal;
}

/**
 * Waits until a Triton's own processes listen on all its ports: until then nobody is asked anything, because a stranger who
 * was faster on a port may answer as a Triton does.
 * @returns false when it has ended before
 * @throws TritonUnavailable when the deadline passes; an aborted signal throws its reason
 */
export async function waitUntilListening(options: WaitUntilListeningOptions): Promise<boolean> {
  const { jobs, launcher, jobId, ports, deadlineMs, signal } = options;
  const { grpcPort, httpPort, metricsPort } = ports;
  const deadline = performance.now() + deadlineMs;
  for (;;) {
    signal.throwIfAborted();
    const job = await jobs.inspect(jobId);
    if (job.state !== 'running') return false;
    const listening = listeningPorts(await processesOfHolder({ jobs, launcher }, jobId));
    if ([grpcPort, httpPort, metricsPort].every((port) => listening.has(port))) return true;
    if (performance.now() > deadline) {
      throw new EnginesmithFailure(
        'TritonUnavailable',
        `Triton did not listen on its ports ${grpcPort}, ${httpPort} and ${metricsPort} within ${deadlineMs} ms. Its log says ` +
          'more; a large engine may need a longer deadline.',
        { context: { grpcPort, httpPort, metricsPort } },
      );
    }
    await delay(POLL_MS, undefined, { signal }).catch((error: unknown) => {
      throw signal.aborted ? signal.reason : error;
    });
  }
}
