import type { Client } from '@temporalio/client';
import { arrayFromPayloads, type Payload } from '@temporalio/common';

/** Payloads as the server keeps them, read with the codecs and the converter of a client. */
export async function decodePayloads(client: Client, payloads: readonly Payload[]): Promise<unknown[]> {
  const { payloadConverter, payloadCodecs } = client.options.loadedDataConverter;
  let decoded = [...payloads];
  for (const codec of [...payloadCodecs].reverse()) decoded = await codec.decode(decoded);
  return arrayFromPayloads(payloadConverter, decoded);
}
