import type { FailureSignature } from './signature.js';

/** What an engine, its runtime and its GPU are to each other. */
export const engineSignatures: readonly FailureSignature[] = [
  {
    code: 'engine-version-mismatch',
    type: 'EngineMismatch',
    title: 'was given an engine of another TensorRT',
    lines: [
      /^(?:IRuntime::deserializeCudaEngine: )?Error Code \d+: Serialization \(Serialization assertion \w+ == \w+ failed\.Version tag does not match/,
      /^Version tag does not match\. Note: Current Version: \d+, Serialized Engine Version: \d+/,
    ],
    retryable: false,
    remedy:
      'Engines do not move between builds of TensorRT. Build and serve with the same toolchain: run the pipeline again with the ' +
      'one that is installed here, or give an engine that this release built as start.engine.',
    sources: [
      'triton-inference-server/tensorrtllm_backend#531',
      'triton-inference-server/tensorrtllm_backend#190',
      'NVIDIA/TensorRT-LLM#660',
      'NVIDIA/TensorRT-Edge-LLM#194',
    ],
  },
  {
    code: 'engine-of-another-gpu',
    type: 'EngineMismatch',
    title: 'was given an engine of another kind of GPU',
    lines: [
      /^(?:IRuntime::deserializeCudaEngine: )?(?:Error Code \d+: [\w ]{1,60}\()?The engine plan file is generated on an incompatible device/,
    ],
    retryable: false,
    remedy:
      'Engines work on the compute capability that built them. Correct gpuClass in the spec, or the class of the GPUs in ' +
      "toolchain.json of this host, so that it is built for the GPUs that run it; the checkpoint's calibration is reused.",
    sources: ['NVIDIA/TensorRT#2176', 'NVIDIA/TensorRT-LLM#222', 'NVIDIA/TensorRT-LLM#835'],
  },
  {
    code: 'engine-of-another-release',
    type: 'EngineMismatch',
    title: 'was given an engine of another release of TensorRT-LLM',
    lines: [
      /^\[json\.exception\.out_of_range\.403\] key '(?:builder_config|use_context_fmha_for_generation|name|pretrained_config)' not found/,
    ],
    retryable: false,
    remedy:
      "The engine's config.json is not as this release writes it. Build and serve with the same toolchain: run the pipeline again " +
      'with the one that is installed here.',
    sources: [
      'triton-inference-server/tensorrtllm_backend#337',
      'triton-inference-server/tensorrtllm_backend#467',
      'NVIDIA/TensorRT-LLM#1803',
    ],
  },
  {
    code: 'world-size-mismatch',
    type: 'EngineMismatch',
    title: 'was started with another number of ranks than the engine has',
    lines: [
      /^Assertion failed: mpiSize == tp \* pp/,
      /^Assertion failed: MPI size \d+ != TP size \d+ \* PP size \d+/,
      /^Assertion failed: With communicationMode kLEADER, MPI worldSize is expected to be equal to tp\*pp/,
      /^AssertionError: Engine world size \(\d+ \* \d+\) != Runtime world size \(\d+\)/,
    ],
    retryable: false,
    remedy:
      "Enginesmith starts as many ranks as the engine's config.json says, so either mpirun does not start them (the mpi4py of the " +
      'toolchain belongs to another MPI), or the engine is not the one that the spec describes: check start.engine and parallelism.',
    sources: [
      'NVIDIA/TensorRT-LLM#1796',
      'NVIDIA/TensorRT-LLM#1992',
      'NVIDIA/TensorRT-LLM#2021',
      'NVIDIA/TensorRT-LLM#753',
      'triton-inference-server/tensorrtllm_backend#33',
    ],
  },
  {
    code: 'format-needs-another-gpu',
    type: 'UnsupportedFormat',
    title: 'was asked for a format that this GPU does not have',
    lines: [
      /^(?:IBuilder::buildSerializedNetwork: )?Error Code 9: .{1,60}\(Networks with FP8 (?:precision|Q\/DQ layers) require hardware with FP8 support/,
      /^Assertion failed: F[Pp]8 FMHA (?:cannot|can only) be enabled/,
      /^ValueError: type fp8e4nv not supported in this architecture/,
    ],
    retryable: false,
    remedy:
      'FP8 weights and FP8 KV caches need compute capability 8.9 or higher, FP8 attention 9.0 up to v0.11. Ask for int8_sq or ' +
      'int4_awq with kvCache int8, leave out build.fp8ContextFmha, or build on another gpuClass; `enginesmith advise` proposes one.',
    sources: [
      'NVIDIA/TensorRT-LLM#1428',
      'NVIDIA/TensorRT-LLM#1914',
      'NVIDIA/TensorRT-LLM#1864',
      'NVIDIA/Model-Optimizer#70',
    ],
  },
];
