import type { Spec } from '../contracts/spec.js';
import { createTritonClient } from '../platform/triton/client.js';

const DEADLINE_MS = 60_000;

/** Asks a served model the question of the spec's smoke test, as any gRPC client would, and writes its answer as it comes. */
export async function askModel(
  grpcUrl: string,
  { prompt, maxTokens }: Spec['smoke'],
  write: (text: string) => void,
): Promise<void> {
  const client = createTritonClient({ url: grpcUrl });
  const request = { model: 'ensemble', text: prompt, maxTokens, stream: true, requestId: 'enginesmith-demo' };
  try {
    for await (const { text } of client.streamGenerate(request, { deadlineMs: DEADLINE_MS })) write(text ?? '');
  } finally {
    client.close();
  }
}
