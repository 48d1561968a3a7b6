import type { InferRequest, InferResponse } from './protocol.js';

export interface GenerateRequest {
  /** `ensemble` or `tensorrt_llm_bls`. */
  model: string;
  text: string;
  maxTokens: number;
  /** Whether the model answers token by token, or once. */
  stream: boolean;
  requestId: string;
}

const lengthPrefixBytes = 4;

/** A BYTES element in raw form: its length in four bytes, little-endian, and its bytes. */
export function encodeBytesElement(text: string): Buffer {
  const content = Buffer.from(text, 'utf8');
  const length = Buffer.alloc(lengthPrefixBytes);
  length.writeUInt32LE(content.length);
  return Buffer.concat([length, content]);
}

function int32(value: number): Buffer {
  const content = Buffer.alloc(4);
  content.writeInt32LE(value);
  return content;
}

/** A request for the upstream ensemble's or BLS model's required tensors, one prompt, with an explicit final response. */
export function inferRequest({ model, text, maxTokens, stream, requestId }: GenerateRequest): InferRequest {
  const tensors = [
    { name: 'text_input', datatype: 'BYTES', content: encodeBytesElement(text) },
    { name: 'max_tokens', datatype: 'INT32', content: int32(maxTokens) },
    { name: 'stream', datatype: 'BOOL', content: Buffer.from([stream ? 1 : 0]) },
  ];
  return {
    model_name: model,
    id: requestId,
    parameters: { triton_enable_empty_final_response: { bool_param: true } },
    inputs: tensors.map(({ name, datatype }) => ({ name, datatype, shape: [1, 1] })),
    outputs: [{ name: 'text_output' }],
    raw_input_contents: tensors.map(({ content }) => content),
  };
}

/**
 * The text of a response, or undefined where it carries none, as the empty final response does. Bytes that are no UTF-8
 * become U+FFFD: upstream's ensemble splits characters between responses.
 */
export function outputText({ outputs, raw_output_contents: contents }: InferResponse): string | undefined {
  const raw = contents[outputs.findIndex(({ name }) => name === 'text_output')];
  if (raw === undefined || raw.length < lengthPrefixBytes) return undefined;
  const content = Buffer.from(raw.buffer, raw.byteOffset, raw.byteLength);
  return content.toString('utf8', lengthPrefixBytes, lengthPrefixBytes + content.readUInt32LE(0));
}

/** Whether the request is answered whole. */
export const isFinal = ({ parameters }: InferResponse): boolean =>
  parameters.triton_final_response?.bool_param === true;
