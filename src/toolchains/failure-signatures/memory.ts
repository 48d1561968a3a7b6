import type { FailureSignature } from './signature.js';

/** Memory and disk. */
export const memorySignatures: readonly FailureSignature[] = [
  {
    code: 'gpu-out-of-memory',
    type: 'GpuOutOfMemory',
    title: 'ran out of GPU memory',
    lines: [
      /^(?:[\w.]+\.)?OutOfMemoryError: (?:CUDA out of memory|Allocation on device)/,
      /^RuntimeError: CUDA (?:error: )?out of memory/,
      /^Error Code \d+: (?:OutOfMemory \(|Cuda Runtime \(out of memory\))/,
      /^CUDA runtime error in .{1,400}: out of memory/,
    ],
    retryable: false,
    remedy:
      'The same command would need the same memory again. For calibration: more quantization.gpus, or a smaller ' +
      'quantization.calibration.batchSize or maxSequenceTokens; for a build or an engine that runs: a smaller build.maxBatchSize, ' +
      'build.maxInputTokens or build.maxNumTokens, or a higher parallelism.tensor. Look with nvidia-smi whether somebody else ' +
      'holds memory of that GPU. onFailure.smallerCalibrationBatch and shorterCalibrationSamples halve by themselves.',
    sources: [
      'NVIDIA/TensorRT-LLM#346',
      'NVIDIA/TensorRT-LLM#1783',
      'NVIDIA/TensorRT-LLM#622',
      'pytorch/TensorRT#2836',
    ],
  },
  {
    code: 'host-out-of-memory',
    type: 'HostOutOfMemory',
    title: "ran out of the host's memory",
    lines: [
      /^MemoryError\b/,
      /^std::bad_alloc$/,
      /^'std::bad_alloc'$/,
      /^RuntimeError: \[enforce fail at alloc_cpu\.cpp:\d+\]/,
      /^(?:OSError: )?\[Errno 12\] Cannot allocate memory/,
      /^(?:\[\s*\d+\.\d+\] )?(?:Memory cgroup out|Out) of memory: Killed process \d+/,
      /^slurmstepd: error: Detected \d+ oom[-_]kill event/,
    ],
    matches: ({ oomKilled }) => oomKilled === true,
    signs: "`oom_kill` in the `memory.events` of the tool's control group has grown",
    retryable: false,
    remedy:
      'The same command would need the same memory again. Run it on a host with more memory, raise the memory limit of the ' +
      "worker's control group or container, or build fewer ranks side by side with build.workers: " +
      'onFailure.fewerBuildWorkers halves them by itself.',
    sources: ['NVIDIA/TensorRT-LLM#102', 'NVIDIA/TensorRT-LLM#489', 'triton-inference-server/server#4154'],
  },
  {
    code: 'shared-memory-full',
    type: 'PrerequisiteMissing',
    title: 'found too little shared memory',
    lines: [
      /^(?:[\w.]+: )?\[Errno 28\] No space left on device: '\/dev\/shm\//,
      /^\S+ \[\d+\] \S+ NCCL WARN Error(?:: failed to extend| while creating shared memory segment) \/dev\/shm\//,
    ],
    retryable: false,
    remedy:
      'Ranks on one host exchange through /dev/shm. Give the container more of it: --shm-size of docker, 1 GiB a rank at least; ' +
      'on a host without containers remount /dev/shm larger.',
    sources: ['NVIDIA/TensorRT-LLM#1826', 'NVIDIA/TensorRT-LLM#99'],
  },
  {
    code: 'disk-full',
    type: 'InsufficientDisk',
    title: 'filled the disk',
    lines: [
      /^(?:[\w.]+: )?\[Errno (?:28|122)\] (?:No space left on device|Disk quota exceeded)/,
      /^(?:[\w.]+: )?Error while serializing: (?:IoError\(Os \{ code: 28, |I\/O error: No space left on device)/,
      /^(?:\S{1,300}: ){1,4}(?:write error: )?No space left on device$/,
    ],
    matches: ({ diskFull }) => diskFull === true,
    signs: 'it failed, and the disk of its log takes not even a line more',
    retryable: true,
    remedy:
      'Artifacts, scratch directories and partial downloads lie under ENGINESMITH_HOME: free space there, or give it a larger ' +
      'disk. The plan of a 72B model needs 600 GB.',
    sources: ['hiyouga/LlamaFactory#5155', 'lum3on/ComfyUI-ModelQuantizer#4'],
  },
];
