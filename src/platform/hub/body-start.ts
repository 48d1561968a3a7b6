import { EnginesmithFailure } from '../../contracts/failures.js';
import type { HubFile } from './hub-file.js';
import { contentLength, type ResponseHead } from './transport.js';

/**
 * What has arrived cannot be continued or is not the file: fetched once more from its first byte. The second time, its
 * failure is raised. Never leaves this folder.
 */
export class StartOver extends Error {
  override readonly name = 'StartOver';

  constructor(readonly failure: EnginesmithFailure) {
    super(failure.message);
  }
}

/** What arrives is not what the Hub announced of the file. */
export const contradiction = (file: HubFile, found: string, expected: string): StartOver =>
  new StartOver(
    new EnginesmithFailure(
      'HubProtocolViolation',
      `${file.path}: the server sent ${found}, expected ${expected}. Nothing of it was used; check HF_ENDPOINT and proxies before it.`,
      { context: { path: file.path, found, expected } },
    ),
  );

/**
 * Where in the file the body of a 200, 206 or 416 begins, once every header agrees with what the Hub announced.
 * @param offset what the request asked for with Range; 0 when it asked for all
 * @throws StartOver for another length, another range, or an encoding
 */
export function bodyStart(head: ResponseHead, file: HubFile, offset: number): number {
  const encoding = head.headers.get('content-encoding') ?? 'identity';
  if (encoding !== 'identity') throw contradiction(file, `Content-Encoding ${encoding}`, 'identity');
  if (head.status === 416) throw contradiction(file, 'status 416', `bytes from ${offset}`);

  const start = head.status === 206 ? offset : 0;
  if (head.status === 206) {
    const expected = `bytes ${offset}-${file.bytes - 1}/${file.bytes}`;
    const found = head.headers.get('content-range') ?? 'none';
    if (found.toLowerCase() !== expected) throw contradiction(file, `Content-Range ${found}`, expected);
  }
  const length = contentLength(head);
  if (length !== undefined && length !== file.bytes - start) {
    throw contradiction(file, `Content-Length ${length}`, `${file.bytes - start}`);
  }
  return start;
}
