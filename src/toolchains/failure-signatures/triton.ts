import type { FailureSignature } from './signature.js';

/** A model that Triton could not load, and why, in its own words. */
export interface TritonLoadFailure {
  model: string;
  cause: string;
}

/** One line each; what follows the first line of a cause is a stack dump. */
const LOAD_FAILURES = [
  /failed to load '(?<model>[\w.-]{1,100})' version \d+: (?<cause>.{1,1500})/,
  /ensemble '[\w.-]{1,100}' depends on '(?<model>[\w.-]{1,100})' which has no loaded version\. Model '[\w.-]{1,100}' loading failed with error: (?<cause>.{1,1500})/,
];

/** A first frame in the same line, as newer releases write it; the source file of an assertion; what wraps a cause. */
const FRAMES = /(?:\\n|\s)1\s+0x[0-9a-f]{6,16}\s.*$/;
const PLACE = /\s*\(\/?[\w./-]{1,300}:\d+\)\s*$/;
const WRAPPERS =
  /^(?:version \d+ is at UNAVAILABLE state: |Internal: |Invalid argument: |Unavailable: |unexpected error when creating modelInstanceState: |\[TensorRT-LLM\] ?\[ERROR\] ?|TritonModelException: ){1,8}/;

const bare = (cause: string): string =>
  cause
    .replace(FRAMES, '')
    .replace(/\\n.*$/, '')
    .replace(/["; ]+$/, '')
    .replace(PLACE, '')
    .replace(WRAPPERS, '')
    .trim();

/**
 * The first model that failed to load, and its cause without the stack of C++ around it; undefined where every model loaded.
 * A model that depends on another one says so later in the log.
 */
export function tritonLoadFailure(log: string): TritonLoadFailure | undefined {
  const found = log.split('\n').flatMap((line) => {
    const text = line.slice(0, 4_000);
    return LOAD_FAILURES.flatMap((pattern) => {
      const { model, cause } = pattern.exec(text)?.groups ?? {};
      return model === undefined || cause === undefined ? [] : [{ model, cause: bare(cause) }];
    });
  });
  return found.find(({ cause }) => cause !== '');
}

/** What only a server of models can fail with. Its causes are in the other rows. */
export const tritonSignatures: readonly FailureSignature[] = [
  {
    code: 'rank-without-ensemble',
    type: 'TritonLoadFailed',
    title: 'answers ready without its ensemble: a worker rank, whose leader has failed',
    tools: ['triton'],
    lines: [],
    matches: ({ notReady = [] }) => notReady.includes('ensemble') && !notReady.includes('server'),
    signs: 'the server answers ready, and its models without the ensemble',
    retryable: false,
    remedy:
      'Rank 0 loads the ensemble, the others the engine alone, behind the same ports. The log of the revision says what rank 0 ' +
      'ended with; most often its GPU is held by another process.',
    sources: ['triton-inference-server/tensorrtllm_backend#129', 'triton-inference-server/server#7211'],
  },
  {
    code: 'backend-missing',
    type: 'ToolchainBroken',
    title: 'lacks the backend of TensorRT-LLM',
    tools: ['triton'],
    lines: [/^unable to find backend library for backend '/],
    retryable: false,
    remedy:
      'Serve with an image whose name ends in -trtllm-python-py3: the plain image of Triton has no tensorrtllm backend. Set it ' +
      'in toolchain.json of the serving host.',
    sources: ['triton-inference-server/server#7950'],
  },
  {
    code: 'template-unfilled',
    type: 'TritonLoadFailed',
    title: 'could not read the configuration of a model',
    tools: ['triton'],
    lines: [
      /^\[json\.exception\.parse_error\.101\] parse error at line 1, column 1/,
      /^Both encoder and decoder model paths are empty/,
      /^Assertion failed: Both encoder and decoder model paths are empty/,
    ],
    retryable: false,
    remedy:
      'The engine directory has no readable config.json, or the template names another place. `enginesmith plan --commands` shows ' +
      'how the templates are filled; run the pipeline again where the engine was changed by hand.',
    sources: [
      'triton-inference-server/tensorrtllm_backend#61',
      'triton-inference-server/tensorrtllm_backend#500',
      'NVIDIA/TensorRT-LLM#2440',
    ],
  },
  {
    code: 'model-not-loaded',
    type: 'TritonLoadFailed',
    title: 'could not load a model',
    tools: ['triton'],
    lines: [],
    matches: ({ log }) => tritonLoadFailure(log) !== undefined,
    signs: "`failed to load 'MODEL'`, or an ensemble that depends on a model which has no loaded version",
    retryable: false,
    remedy:
      'The cause is named in the words of Triton. The revision before serves on; correct what the cause names in the spec or on ' +
      'the serving host, and run the pipeline again: everything up to the promotion is reused.',
    sources: ['triton-inference-server/tensorrtllm_backend#572', 'NVIDIA/TensorRT-LLM#1838'],
  },
];
