import { constants } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { join } from 'node:path';
import { ifPresent } from '../durable-files.js';
import { type ByteRange, parseRange } from './byte-range.js';
import type { MirrorFile, Snapshot } from './mirror-tree.js';

const READ_BYTES = 512 * 1024;

/**
 * Sends a file, whole or the range that was asked for.
 * @returns false, with nothing sent, when the file on disk is not the one of the snapshot any more
 */
export async function serveFile(
  request: IncomingMessage,
  response: ServerResponse,
  { commit, directory }: Snapshot,
  file: MirrorFile,
): Promise<boolean> {
  const handle = await ifPresent(() => open(join(directory, file.path), constants.O_RDONLY | constants.O_NOFOLLOW));
  if (handle === undefined) return false;
  try {
    const { size, mtimeNs, ino } = await handle.stat({ bigint: true });
    if (Number(size) !== file.bytes || String(mtimeNs) !== file.mtimeNs || String(ino) !== file.inode) return false;

    const { gitOid, lfs } = file.identity;
    const etag = `"${lfs?.sha256 ?? gitOid}"`;
    response.setHeader('X-Repo-Commit', commit);
    response.setHeader('ETag', etag);
    response.setHeader('Accept-Ranges', 'bytes');
    response.setHeader('Content-Type', 'application/octet-stream');
    if (lfs !== undefined) {
      response.setHeader('X-Linked-Etag', etag);
      response.setHeader('X-Linked-Size', file.bytes);
    }

    const range = request.method === 'GET' ? parseRange(request.headers, etag, file.bytes) : 'whole';
    if (range === 'unsatisfiable') {
      response.writeHead(416, { 'Content-Range': `bytes */${file.bytes}`, 'Content-Length': 0 }).end();
      return true;
    }
    const { start, end } = range === 'whole' ? { start: 0, end: file.bytes - 1 } : range;
    response.setHeader('Content-Length', end - start + 1);
    if (range !== 'whole') response.setHeader('Content-Range', `bytes ${start}-${end}/${file.bytes}`);
    // @huggingface/hub reads the size from here; an empty file has no range to answer its bytes=0-0 with.
    else if (file.bytes === 0) response.setHeader('Content-Range', 'bytes */0');
    response.writeHead(range === 'whole' ? 200 : 206);
    if (request.method === 'HEAD' || file.bytes === 0) response.end();
    else await sendBytes(handle, response, { start, end });
    return true;
  } finally {
    await handle.close();
  }
}

/** Reads into two buffers in turn, one while the other is sent: a stream would allocate one for each read, at twice the cost. */
async function sendBytes(handle: FileHandle, response: ServerResponse, { start, end }: ByteRange): Promise<void> {
  const buffers = [Buffer.allocUnsafeSlow(READ_BYTES), Buffer.allocUnsafeSlow(READ_BYTES)] as const;
  let sent: Promise<void> = Promise.resolve();
  for (let position = start, turn = 0; position <= end; turn++) {
    const buffer = turn % 2 === 0 ? buffers[0] : buffers[1];
    const { bytesRead } = await handle.read(buffer, 0, Math.min(READ_BYTES, end + 1 - position), position);
    await sent;
    if (bytesRead === 0) throw new Error('the file was shortened while it was sent');
    position += bytesRead;
    sent = write(response, buffer.subarray(0, bytesRead));
    // It is awaited after the next read; a client that leaves before then is no unhandled rejection.
    sent.catch(() => undefined);
  }
  await sent;
  response.end();
}

/** Resolves when the buffer may be used again. */
const write = (response: ServerResponse, chunk: Buffer): Promise<void> =>
  new Promise((resolve, reject) => {
    const onClose = (): void => reject(new Error('the client left'));
    response.once('close', onClose);
    response.write(chunk, (error) => {
      response.off('close', onClose);
      if (error) reject(error);
      else resolve();
    });
  });
