import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import type { Socket } from 'node:net';
import { setTimeout as delay, setImmediate as nextTurn } from 'node:timers/promises';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { TransientFault } from '../../../src/platform/hub/retry.js';
import { socketTransport } from '../../../src/platform/hub/socket-transport.js';
import type { ResponseHead } from '../../../src/platform/hub/transport.js';
import { rawServer } from './raw-server.js';
import { localhostTls, trustEveryone } from './tls-kit.js';

const content = randomBytes(300_007);
const head = (bytes: number): Buffer => Buffer.from(`HTTP/1.1 200 OK\r\nContent-Length: ${bytes}\r\nETag: "a"\r\n\r\n`);
const response = Buffer.concat([head(content.length), content]);

/** What arrives of one GET, with the memory that each piece of it lay in. */
async function get(url: string, idleTimeoutMs = 2000) {
  const pieces: Buffer[] = [];
  const memory = new Set<ArrayBufferLike>();
  let received: ResponseHead | undefined;
  const request = { url: new URL(url), headers: {}, idleTimeoutMs, proxy: undefined };
  const outcome = socketTransport(request, {
    head(arrived) {
      received = arrived;
      return true;
    },
    body(chunk) {
      memory.add(chunk.buffer);
      pieces.push(Buffer.from(chunk));
    },
  });
  const error = await outcome.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  return { head: received, body: Buffer.concat(pieces), pieces: pieces.length, memory: memory.size, error };
}

/** Writes each piece on its own, so that it leaves as a packet, and a TLS record, of its own. */
async function writeInPieces(socket: Socket, bytes: Buffer, cuts: readonly number[]): Promise<void> {
  socket.setNoDelay(true);
  const positions = [0, ...cuts.toSorted((left, right) => left - right), bytes.length];
  for (const [index, start] of positions.entries()) {
    const piece = bytes.subarray(start, positions[index + 1]);
    if (piece.length > 0 && !socket.write(piece)) await Promise.race([once(socket, 'drain'), once(socket, 'close')]);
    await nextTurn();
  }
}

describe.each([
  ['http', {}],
  ['https', { tls: localhostTls }],
])('the socket transport over %s', (_, options) => {
  trustEveryone();

  test('reads the body into one buffer that is used again', async () => {
    const { url } = await rawServer((socket) => socket.write(response), options);
    const { error, body, pieces, memory } = await get(url);
    expect(error).toBeUndefined();
    expect(body.equals(content)).toBe(true);
    expect(pieces).toBeGreaterThan(4);
    // The first bytes may have come with the head, which is put together elsewhere.
    expect(memory).toBeLessThanOrEqual(2);
  });

  test('gives the same head and body wherever the server cuts them into packets', async () => {
    const headBytes = head(content.length).length;
    const cut = fc.oneof(fc.nat(headBytes + 2), fc.nat(response.length));
    await fc.assert(
      fc.asyncProperty(fc.array(cut, { maxLength: 12 }), async (cuts) => {
        const { url } = await rawServer((socket) => void writeInPieces(socket, response, cuts), options);
        const arrived = await get(url);
        expect(arrived.error).toBeUndefined();
        expect(arrived.head?.headers.get('etag')).toBe('"a"');
        expect(arrived.body.equals(content)).toBe(true);
      }),
      { numRuns: 25 },
    );
  });

  test('tells a connection that ends at any byte from a body that is complete', async () => {
    await fc.assert(
      fc.asyncProperty(fc.nat(response.length - 1), fc.boolean(), async (sent, inOrder) => {
        const { url } = await rawServer((socket) => {
          const end = (): unknown => (inOrder ? socket.end() : socket.destroy());
          if (sent === 0) end();
          else socket.write(response.subarray(0, sent), end);
        }, options);
        const { error, body } = await get(url);
        expect(error).toBeInstanceOf(TransientFault);
        expect(body.equals(content.subarray(0, body.length))).toBe(true);
      }),
      { numRuns: 25 },
    );
  });

  test('waits for the end of the headers as long as for any silence, however the server spaces them', async () => {
    const { url } = await rawServer(async (socket) => {
      socket.write('HTTP/1.1 200 OK\r\n');
      while (!socket.destroyed) {
        socket.write('X: y\r\n');
        await delay(10);
      }
    }, options);
    const { error } = await get(url, 1_000);
    expect(error).toMatchObject({ message: expect.stringMatching(/did not end its headers within 1000 ms/) });
  });
});

test('the socket transport refuses a certificate that nobody vouches for, before it asks for anything', async () => {
  const { url, requests } = await rawServer((socket) => socket.write(response), { tls: localhostTls });
  const { error, head: received } = await get(url);
  expect(error).toBeInstanceOf(TransientFault);
  expect(error).toMatchObject({ message: expect.stringMatching(/self-signed certificate/) });
  expect([received, requests]).toEqual([undefined, []]);
});
