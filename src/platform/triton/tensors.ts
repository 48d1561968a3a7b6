import type { InferRequest, InferResponse } from './protocol.js';

/** Names that upstream's templates give to the models that clients ask. */
export const servedModels = {
  ensemble: 'ensemble',
  bls: 'tensorrt_llm_bls',
  generation: 'tensorrt_llm',
} as const;

export interface GenerateRequest {
  /** `ensemble` or `tensorrt_llm_bls`. */
  model: string;
  text: string;
  maxTokens: number;
  /** The end token is not chosen before so many tokens. */
  minTokens?: number;
  /** Whether the model answers token by token, or once. */
  stream: boolean;
  requestId: string;
}

/** One input as it travels: its datatype in Triton's words, and its elements in raw form. */
export interface InputTensor {
  name: string;
  datatype: string;
  shape: number[];
  content: Buffer;
}

/** Any request, well-formed or not. */
export interface InferenceRequest {
  model: string;
  requestId: string;
  tensors: readonly InputTensor[];
  /** Names of the tensors that are wanted back. */
  outputs: readonly string[];
}

const lengthPrefixBytes = 4;

/** A BYTES element in raw form: its length in four bytes, little-endian, and its bytes. */
export function encodeBytesElement(text: string): Buffer {
  const content = Buffer.from(text, 'utf8');
  const length = Buffer.alloc(lengthPrefixBytes);
  length.writeUInt32LE(content.length);
  return Buffer.concat([length, content]);
}

const oneValue = [1, 1];

/** A string for one prompt. */
export const textTensor = (name: string, text: string): InputTensor => ({
  name,
  datatype: 'BYTES',
  shape: oneValue,
  content: encodeBytesElement(text),
});

/** Whole numbers for one prompt: shape `[1, n]`. */
export function int32Tensor(name: string, ...values: number[]): InputTensor {
  const content = Buffer.alloc(values.length * 4);
  values.forEach((value, index) => void content.writeInt32LE(value, index * 4));
  return { name, datatype: 'INT32', shape: [1, values.length], content };
}

/** A flag for one prompt. */
export const boolTensor = (name: string, value: boolean): InputTensor => ({
  name,
  datatype: 'BOOL',
  shape: oneValue,
  content: Buffer.from([value ? 1 : 0]),
});

/** A request as the protocol has it, with an explicit final response. */
export const inferRequest = ({ model, requestId, tensors, outputs }: InferenceRequest): InferRequest => ({
  model_name: model,
  id: requestId,
  parameters: { triton_enable_empty_final_response: { bool_param: true } },
  inputs: tensors.map(({ name, datatype, shape }) => ({ name, datatype, shape })),
  outputs: outputs.map((name) => ({ name })),
  raw_input_contents: tensors.map(({ content }) => content),
});

/** A request for the upstream ensemble's or BLS model's tensors, one prompt. */
export const generateRequest = ({
  model,
  text,
  maxTokens,
  minTokens,
  stream,
  requestId,
}: GenerateRequest): InferenceRequest => ({
  model,
  requestId,
  tensors: [
    textTensor('text_input', text),
    int32Tensor('max_tokens', maxTokens),
    boolTensor('stream', stream),
    ...(minTokens === undefined ? [] : [int32Tensor('min_length', minTokens)]),
  ],
  outputs: ['text_output'],
});

/** A request for token ids of `tensorrt_llm` itself, which counts them exactly: text hides how many there were. */
export const tokensRequest = (
  promptIds: readonly number[],
  maxTokens: number,
  requestId: string,
): InferenceRequest => ({
  model: servedModels.generation,
  requestId,
  tensors: [
    int32Tensor('input_ids', ...promptIds),
    int32Tensor('input_lengths', promptIds.length),
    int32Tensor('request_output_len', maxTokens),
    boolTensor('streaming', true),
  ],
  outputs: ['output_ids'],
});

/**
 * Ends what `tensorrt_llm` generates under this request id, that of an ensemble's request included: upstream's way, since
 * Triton passes the cancellation of an ensemble's request on to no step that already runs.
 */
export const stopRequest = (requestId: string): InferenceRequest => ({
  ...tokensRequest([0], 0, requestId),
  tensors: [...tokensRequest([0], 0, requestId).tensors, boolTensor('stop', true)],
});

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

/** How many token ids a response of `tensorrt_llm` carries. */
export const tokenCount = ({ outputs }: InferResponse): number =>
  outputs.find(({ name }) => name === 'output_ids')?.shape.reduce((product, size) => product * size, 1) ?? 0;

/** Whether the request is answered whole. */
export const isFinal = ({ parameters }: InferResponse): boolean =>
  parameters.triton_final_response?.bool_param === true;
