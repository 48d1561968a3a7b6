import { setTimeout as delay } from 'node:timers/promises';
import type { WorkflowHandle } from '@temporalio/client';
import { type DeploymentState, deploymentMessages } from '../../src/contracts/deployment.js';
import { createTritonClient } from '../../src/platform/triton/client.js';

/** Leaves a small machine to the candidates. */
const BETWEEN_QUESTIONS_MS = 100;

/** What a client of a deployment saw while it asked in a loop: at each turn where it serves, and then there for a text. */
export interface Asking {
  answers: number;
  failures: string[];
  /** Revisions that answered, in order. */
  revisions: number[];
  /** Ends the loop after its turn. */
  stop(): Promise<Asking>;
}

/** Starts to ask. A deployment that names no endpoint is asked again: that is its downtime. */
export function startAsking(deployment: WorkflowHandle): Asking {
  let stopped = false;
  const turn = async (): Promise<void> => {
    const { endpoint } = await deployment.query<DeploymentState>(deploymentMessages.describe);
    if (endpoint === null) return;
    await askOnce(endpoint.grpcUrl);
    asking.answers += 1;
    if (asking.revisions.at(-1) !== endpoint.revision) asking.revisions.push(endpoint.revision);
  };
  const asking: Asking = {
    answers: 0,
    failures: [],
    revisions: [],
    stop: async () => {
      stopped = true;
      await done;
      return asking;
    },
  };
  const done = (async () => {
    while (!stopped) {
      await turn().catch((failure: unknown) => asking.failures.push(`${failure}`));
      await delay(BETWEEN_QUESTIONS_MS);
    }
  })();
  return asking;
}

/** The whole answer to one short question. */
export async function askOnce(grpcUrl: string, text = '你', maxTokens = 4): Promise<string> {
  const client = createTritonClient({ url: grpcUrl });
  try {
    const request = { model: 'ensemble', text, maxTokens, stream: false, requestId: `client-${crypto.randomUUID()}` };
    let answer = '';
    for await (const chunk of client.streamGenerate(request, { deadlineMs: 20_000 })) answer += chunk.text ?? '';
    if (answer === '') throw new Error(`${grpcUrl} answered nothing`);
    return answer;
  } finally {
    client.close();
  }
}
