import type { FailureSignature } from './signature.js';

/** What a host lacks, or holds against a tool. */
export const hostSignatures: readonly FailureSignature[] = [
  {
    code: 'driver-too-old',
    type: 'ToolchainBroken',
    title: "found no NVIDIA driver that fits the toolchain's CUDA",
    lines: [
      /^.{0,200}CUDA driver version is insufficient for CUDA runtime version/,
      /^RuntimeError: (?:The NVIDIA driver on your system is too old|Found no NVIDIA driver on your system)/,
      /^OSError: Need a GPU with CUDA|^EnvironmentError: GPU is required for inference/,
    ],
    retryable: false,
    remedy:
      "Install a driver that the toolchain's CUDA supports (535 or newer for v0.10 on data-centre GPUs, 545 elsewhere), and see " +
      'that nvidia-smi works where the tool runs: in the container too, which needs the NVIDIA container toolkit.',
    sources: ['NVIDIA-AI-IOT/torch2trt#711', 'NVIDIA/TensorRT-LLM#331', 'abetlen/llama-cpp-python#763'],
  },
  {
    code: 'library-missing',
    type: 'ToolchainBroken',
    title: 'could not load a library of its own',
    lines: [
      /^(?:ImportError|OSError): lib[\w.+-]{1,100}\.so[\d.]*: cannot open shared object file/,
      /^ImportError: \S{1,300}: undefined symbol: /,
    ],
    retryable: false,
    remedy:
      'The toolchain is not whole, or its LD_LIBRARY_PATH is not that of its image. Use the image that its release was published ' +
      'in, or set environment in toolchain.json as the image does.',
    sources: [
      'NVIDIA/TensorRT-LLM#218',
      'NVIDIA/TensorRT-LLM#1774',
      'NVIDIA/TensorRT-LLM#6102',
      'NVIDIA/TensorRT-LLM#1950',
    ],
  },
  {
    code: 'module-missing',
    type: 'ToolchainBroken',
    title: 'misses a Python module',
    lines: [/^(?:ModuleNotFoundError|ImportError): (?:No module named '|cannot import name ')/],
    retryable: false,
    remedy:
      "The toolchain's Python lacks a package, or has another version of it: install what requirements.txt beside the program " +
      'says into the environment that toolchain.json names first in PATH.',
    sources: ['NVIDIA/TensorRT-LLM#1302', 'triton-inference-server/tensorrtllm_backend#297'],
  },
  {
    code: 'flag-unknown',
    type: 'ToolchainBroken',
    title: 'does not know a flag that its release has',
    lines: [/^[\w.-]{1,80}: error: unrecognized arguments: -/, /^Error: No such option: -/],
    retryable: false,
    remedy:
      'What is installed is not the release that toolchain.json says. `enginesmith plan --commands` shows the command line; ' +
      "compare it with the program's --help, and correct release in toolchain.json or the spec's toolchain.",
    sources: ['NVIDIA/TensorRT-LLM#1840', 'NVIDIA/TensorRT-LLM#2471'],
  },
  {
    code: 'program-missing',
    type: 'ToolMissing',
    title: 'could not start a program that it needs',
    lines: [
      /^(?:\S{1,200}: )?(?:line \d+: )?\S{1,200}: command not found$/,
      /^(?:\/bin\/sh|\/usr\/bin\/env|env): .{0,200}(?:: not found|: No such file or directory)$/,
      /^FileNotFoundError: \[Errno 2\] No such file or directory: '(?:mpirun|trtllm-build|tritonserver)'/,
      /^mpirun was unable to (?:find|launch) the specified (?:executable file|application)/,
    ],
    retryable: false,
    remedy:
      'The toolchain is not whole: install the program that the message names, and see that the directories of PATH in ' +
      'toolchain.json have it.',
    sources: ['open-mpi/ompi#6691'],
  },
  {
    code: 'port-taken',
    type: 'PortTaken',
    title: 'found a port taken',
    lines: [
      /^(?:failed to start \w+ [Ss]ervice: Unavailable - )?Socket '[^']{1,80}' already in use/,
      /^(?:OSError: )?\[Errno 98\] (?:error while attempting to bind|Address already in use)/i,
      /^UNKNOWN:No address added out of total \d+ resolved for '[^']{1,80}'.{0,1500}Address already in use/,
    ],
    retryable: true,
    remedy:
      'Somebody else took the port after it was found free. `ss -ltnp` says who; often it is a server that lost its owner.',
    sources: [
      'triton-inference-server/tensorrtllm_backend#243',
      'triton-inference-server/tensorrtllm_backend#275',
      'triton-inference-server/tensorrtllm_backend#524',
      'NVIDIA/TensorRT-LLM#784',
    ],
  },
];
