import type { IncomingMessage } from 'node:http';
import * as z from 'zod';
import { EnginesmithFailure } from '../../contracts/failures.js';
import { parseJson } from '../parse-json.js';

/** The official clients ask for some hundred paths at once. */
const MAXIMUM_BODY_BYTES = 4 * 1024 * 1024;

const bodySchema = z.object({ paths: z.array(z.string()), expand: z.boolean().default(false) });

/**
 * The body of a `paths-info` request: JSON from the JavaScript client, a form from the Python one.
 * @throws EnginesmithFailure `HubProtocolViolation`
 */
export async function readRequestedPaths(request: IncomingMessage): Promise<z.infer<typeof bodySchema>> {
  const text = await readBody(request);
  const parsed = bodySchema.safeParse(
    request.headers['content-type']?.includes('json') ? parseJson(text) : parseForm(text),
  );
  if (parsed.success) return parsed.data;
  throw new EnginesmithFailure(
    'HubProtocolViolation',
    `paths-info: ${z.prettifyError(parsed.error)}. Send {"paths": [...]}.`,
  );
}

async function readBody(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request) {
    bytes += chunk.length;
    if (bytes > MAXIMUM_BODY_BYTES) {
      throw new EnginesmithFailure(
        'HubProtocolViolation',
        `paths-info: the body exceeds ${MAXIMUM_BODY_BYTES} bytes. Ask for fewer paths.`,
      );
    }
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

function parseForm(text: string): unknown {
  const form = new URLSearchParams(text);
  return { paths: form.getAll('paths'), expand: form.get('expand')?.toLowerCase() === 'true' };
}
