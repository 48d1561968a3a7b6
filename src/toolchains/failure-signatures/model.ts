import type { FailureSignature } from './signature.js';

/** What tools find in, or miss of, models, tokenizers and datasets. */
export const modelSignatures: readonly FailureSignature[] = [
  {
    code: 'gated-repository',
    type: 'ModelAccessDenied',
    title: 'asked the Hub for a gated repository',
    lines: [
      /^(?:OSError: )?You are trying to access a gated repo\b/,
      /^(?:[\w.]+\.)?GatedRepoError: \d{3} Client Error/,
      /^Cannot access gated repo for url /,
    ],
    retryable: false,
    remedy:
      'Tools get no token: what a spec names is downloaded before they run. The files that the tool looked for are not in the ' +
      'repository that the spec names as model or dataset: name one that has them.',
    sources: ['zhaoxlpku/DASC7606-A3#1', 'huggingface/optimum-neuron#535', 'McGill-NLP/llm2vec#36'],
  },
  {
    code: 'remote-code',
    type: 'UnsupportedModel',
    title: 'met a repository whose own code it would have to run',
    lines: [
      /^ValueError: Loading .{1,300} requires you to execute the \w+ file in that repo/,
      /^ValueError: The repository .{1,300} contains custom code which must be executed/,
    ],
    retryable: false,
    remedy:
      "The model's repository brings Python of its own, and this release's program does not run it (trust_remote_code). Use a " +
      'repository of the same model whose architecture transformers has itself, or a release whose program trusts it, after ' +
      'reading that code.',
    sources: ['DataXujing/TensorRT-LLM-ChatGLM3#3', 'NVIDIA/TensorRT-LLM#2357', 'NVIDIA/Model-Optimizer#2056'],
  },
  {
    code: 'tokenizer-unusable',
    type: 'UnsupportedModel',
    title: "could not load the model's tokenizer",
    lines: [
      /^ValueError: Tokenizer class \S+ does not exist or is not currently imported/,
      /^(?:ImportError: )?\w{1,80} requires the (?:SentencePiece|protobuf|tiktoken) library/,
      /^(?:OSError: )?Can't load tokenizer for '/,
      /^(?:OSError: )?Incorrect path_or_model_id: '/,
      /^(?:[\w.]+\.)?HFValidationError: Repo id must (?:be in the form|use alphanumeric)/,
    ],
    retryable: false,
    remedy:
      "The repository must hold its tokenizer's files (tokenizer.json, or tokenizer.model and tokenizer_config.json) in a class " +
      "that the toolchain's transformers knows: name another revision or repository of the model, or a newer toolchain.",
    sources: [
      'triton-inference-server/tensorrtllm_backend#62',
      'triton-inference-server/tensorrtllm_backend#109',
      'ictnlp/LLaMA-Omni#2',
      'hiyouga/LlamaFactory#8266',
    ],
  },
  {
    code: 'repository-not-found',
    type: 'ModelNotFound',
    title: 'asked the Hub for a repository that it does not have',
    lines: [/^(?:[\w.]+\.)?RepositoryNotFoundError: \d{3} Client Error/],
    retryable: false,
    remedy:
      'What a spec names is downloaded before tools run; this one was looked for by a file of the model. Check the names in ' +
      "the repository's config.json and tokenizer_config.json.",
    sources: ['huggingface/huggingface_hub#1903'],
  },
  {
    code: 'dataset-unavailable',
    type: 'DatasetUnavailable',
    title: 'could not read its dataset',
    lines: [
      /^(?:[\w.]+\.)?ConnectionError: Couldn't reach '?[^' ]{1,200}'? on the Hub/,
      /^(?:[\w.]+\.)?DatasetNotFoundError: /,
      /^(?:[\w.]+\.)?HfUriError: Invalid HF URI 'hf:\/\/datasets\//,
      /^FileNotFoundError: Couldn't find (?:a dataset script|any data file) at /,
      /^NotImplementedError: Unsupported dataset name or local repo directory/,
      /^ValueError: Config name is missing\./,
    ],
    retryable: true,
    remedy:
      'A calibration or evaluation dataset must be laid out as cnn_dailymail is, with its splits and columns, because programs ' +
      'of these releases know no other. Name one that is; where the tool went to the Hub by itself, the worker must reach it, or ' +
      'HF_ENDPOINT name a mirror that has it.',
    sources: [
      'NVIDIA/TensorRT-LLM#5247',
      'NVIDIA/TensorRT-LLM#16124',
      'NVIDIA/Megatron-LM#5651',
      'casper-hansen/AutoAWQ#204',
    ],
  },
  {
    code: 'weights-unreadable',
    type: 'ArtifactCorrupt',
    title: 'could not read weights that it was given',
    lines: [
      /^(?:[\w.]+\.)?SafetensorError: Error while deserializing header: /,
      /^(?:[\w.]+\.)?UnpicklingError: invalid load key/,
    ],
    retryable: false,
    remedy:
      'Enginesmith has verified the bytes against what the Hub announced, so they are wrong there: a pointer of git LFS in place ' +
      'of a file, or an upload that was cut off. Name another revision of the model.',
    sources: ['NVIDIA/TensorRT-LLM#1287', 'lyogavin/airllm#137', 'turboderp/exllama#242'],
  },
];
