import type { ProxySettings } from './proxy.js';

/** Status and headers of one response. */
export interface ResponseHead {
  status: number;
  /** By lower-case name; of a repeated header, the last. */
  headers: ReadonlyMap<string, string>;
}

export interface TransferRequest {
  url: URL;
  headers: Record<string, string>;
  /** Longest silence of the server, connecting included. */
  idleTimeoutMs: number;
  proxy: ProxySettings | undefined;
}

/** Receives a response as it comes. Both calls are synchronous, and what they throw ends the transfer. */
export interface TransferSink {
  /** @returns whether the body is wanted; false ends the transfer well */
  head(head: ResponseHead): boolean;
  /** @param chunk valid only during the call: the buffer is used again */
  body(chunk: Uint8Array): void;
}

/**
 * One GET. Resolves when the body is complete or unwanted.
 * @throws TransientFault when the connection fails, stalls or ends before the body does
 */
export type Transport = (request: TransferRequest, sink: TransferSink) => Promise<void>;

/** An announced Content-Length; undefined when there is none or it is no number. */
export function contentLength({ headers }: ResponseHead): number | undefined {
  const value = headers.get('content-length');
  return value !== undefined && /^\d{1,15}$/.test(value) ? Number(value) : undefined;
}
