import protobuf from 'protobufjs';
import * as z from 'zod';

/**
 * The messages that this client uses, with the field numbers of triton-inference-server/common's grpc_service.proto; other
 * fields of that file are skipped when read. A string, so that it is found from src and dist alike.
 */
const source = `
syntax = "proto3";
package inference;

message ServerReadyRequest {}
message ServerReadyResponse { bool ready = 1; }
message ModelReadyRequest { string name = 1; string version = 2; }
message ModelReadyResponse { bool ready = 1; }
message RepositoryIndexRequest { string repository_name = 1; bool ready = 2; }
message RepositoryIndexResponse {
  message ModelIndex { string name = 1; string version = 2; string state = 3; string reason = 4; }
  repeated ModelIndex models = 1;
}
message ModelStatisticsRequest { string name = 1; string version = 2; }
message StatisticDuration { uint64 count = 1; uint64 ns = 2; }
message InferStatistics { StatisticDuration success = 1; StatisticDuration fail = 2; }
message ModelStatistics { string name = 1; string version = 2; InferStatistics inference_stats = 6; }
message ModelStatisticsResponse { repeated ModelStatistics model_stats = 1; }
message InferParameter {
  oneof parameter_choice { bool bool_param = 1; int64 int64_param = 2; string string_param = 3; }
}
message ModelInferRequest {
  message InferInputTensor { string name = 1; string datatype = 2; repeated int64 shape = 3; }
  message InferRequestedOutputTensor { string name = 1; }
  string model_name = 1;
  string id = 3;
  map<string, InferParameter> parameters = 4;
  repeated InferInputTensor inputs = 5;
  repeated InferRequestedOutputTensor outputs = 6;
  repeated bytes raw_input_contents = 7;
}
message ModelInferResponse {
  message InferOutputTensor { string name = 1; string datatype = 2; repeated int64 shape = 3; }
  string model_name = 1;
  string id = 3;
  map<string, InferParameter> parameters = 4;
  repeated InferOutputTensor outputs = 5;
  repeated bytes raw_output_contents = 6;
}
message ModelStreamInferResponse { string error_message = 1; ModelInferResponse infer_response = 2; }
`;

const { root } = protobuf.parse(source, { keepCase: true });

function codec<Schema extends z.ZodType>(message: string, schema: Schema) {
  const type = root.lookupType(`inference.${message}`);
  return {
    encode: (value: z.input<Schema>): Buffer =>
      Buffer.from(type.encode(type.fromObject(z.record(z.string(), z.unknown()).parse(value))).finish()),
    decode: (bytes: Uint8Array): z.output<Schema> =>
      schema.parse(type.toObject(type.decode(bytes), { defaults: true, longs: Number })),
  };
}

/** A method of the service: its path, and how its two messages become bytes. */
function method<Request extends z.ZodType, Response extends z.ZodType>(
  name: string,
  request: Request,
  response: Response,
  names: { request?: string; response?: string } = {},
) {
  return {
    path: `/inference.GRPCInferenceService/${name}`,
    request: codec(names.request ?? `${name}Request`, request),
    response: codec(names.response ?? `${name}Response`, response),
  };
}

const empty = z.object({});
const ready = z.object({ ready: z.boolean() });
const bytes = z.custom<Uint8Array>((value) => value instanceof Uint8Array);
const parameters = z.record(z.string(), z.object({ bool_param: z.boolean().optional() }));
const tensor = z.object({ name: z.string(), datatype: z.string(), shape: z.array(z.number()) });

const modelIndex = z.object({ name: z.string(), version: z.string(), state: z.string(), reason: z.string() });

/** An entry of the repository index; `state` is READY, UNAVAILABLE, LOADING or UNLOADING. */
export type ModelIndex = z.infer<typeof modelIndex>;

const counted = z.object({ count: z.number() }).nullish();
const modelStatistics = z.object({
  name: z.string(),
  inference_stats: z.object({ success: counted, fail: counted }).nullish(),
});

const inferRequest = z.object({
  model_name: z.string(),
  id: z.string(),
  parameters,
  inputs: z.array(tensor),
  outputs: z.array(z.object({ name: z.string() })),
  raw_input_contents: z.array(bytes),
});

const inferResponse = z.object({
  id: z.string(),
  parameters,
  outputs: z.array(tensor),
  raw_output_contents: z.array(bytes),
});

export type InferRequest = z.infer<typeof inferRequest>;
export type InferResponse = z.infer<typeof inferResponse>;

/** What Enginesmith calls of `inference.GRPCInferenceService`. */
export const methods = {
  serverReady: method('ServerReady', empty, ready),
  modelReady: method('ModelReady', z.object({ name: z.string() }), ready),
  repositoryIndex: method('RepositoryIndex', empty, z.object({ models: z.array(modelIndex) })),
  modelStatistics: method(
    'ModelStatistics',
    z.object({ name: z.string() }),
    z.object({ model_stats: z.array(modelStatistics) }),
  ),
  modelStreamInfer: method(
    'ModelStreamInfer',
    inferRequest,
    z.object({ error_message: z.string(), infer_response: inferResponse.nullish() }),
    { request: 'ModelInferRequest' },
  ),
};
