import { request as undiciRequest } from 'undici';
import { dispatcherFor } from './dispatcher.js';
import { TransientFault } from './retry.js';
import type { TransferSink, Transport } from './transport.js';

/**
 * One GET through a full HTTP parser with kept connections: for small files, where the handshake costs more than the
 * bytes, for bodies without a length, and by way of proxies.
 */
export const undiciTransport: Transport = async ({ url, headers, idleTimeoutMs, proxy }, sink) => {
  const guarded = guardSink(sink);
  try {
    const response = await undiciRequest(url, {
      headers,
      dispatcher: dispatcherFor(proxy),
      headersTimeout: idleTimeoutMs,
      bodyTimeout: idleTimeoutMs,
    });
    const entries = Object.entries(response.headers).flatMap(([name, value]) => {
      const last = Array.isArray(value) ? value.at(-1) : value;
      return last === undefined ? [] : [[name, last] as const];
    });
    // A body that nobody wants is aborted below; that is then no error of anybody's.
    response.body.on('error', () => undefined);
    try {
      if (!guarded.head({ status: response.statusCode, headers: new Map(entries) })) return;
      for await (const chunk of response.body) guarded.body(chunk);
    } finally {
      response.body.destroy();
    }
  } catch (cause) {
    if (guarded.refused(cause)) throw cause;
    throw new TransientFault(`${url.host}: ${cause instanceof Error ? cause.message : String(cause)}`, { cause });
  }
};

/** Tells what the sink threw from what the network did. */
function guardSink(sink: TransferSink): TransferSink & { refused(error: unknown): boolean } {
  let thrown: unknown;
  const remember = <Result>(call: () => Result): Result => {
    try {
      return call();
    } catch (error) {
      thrown = error;
      throw error;
    }
  };
  return {
    head: (head) => remember(() => sink.head(head)),
    body: (chunk) => remember(() => sink.body(chunk)),
    refused: (error) => error !== undefined && error === thrown,
  };
}
