import type { Evidence, FailureSignature } from './signature.js';

/** 137 is how a shell, and a container, say SIGKILL. */
const isKilled = ({ exitCode, signal }: Evidence): boolean => signal === 'SIGKILL' || exitCode === 137;

/** What says that something of a tool was killed, and not by whom. */
const KILLED = [
  /^Killed$/,
  /^\S{1,200}: line \d+: +\d+ Killed +\S/,
  /^(?:[\w.]+\.)?ProcessExitedException: process \d+ terminated with signal SIGKILL/,
  /^(?:[\w.]+\.)?BrokenProcessPool: A process in the process pool was terminated abruptly/,
  /^mpirun noticed that process rank \d+ with PID \d+ on node \S+ exited on signal 9 \(Killed\)/,
];

const isKilledLine = (line: string): boolean => KILLED.some((pattern) => pattern.test(line.slice(0, 2_000).trimEnd()));

/** What ends processes of a tool, and what the others say then. */
export const rankSignatures: readonly FailureSignature[] = [
  {
    code: 'killed',
    type: 'HostOutOfMemory',
    title: 'was killed, most likely because the host ran out of memory',
    tools: ['quantize', 'convert', 'build', 'evaluate', 'compareEngines'],
    lines: [],
    matches: (evidence) => {
      // Somebody who counted knows better.
      if (evidence.oomKilled !== undefined) return false;
      return isKilled(evidence) || evidence.log.split('\n').slice(-40).some(isKilledLine);
    },
    signs:
      'SIGKILL or exit code 137, or a line that says so of a rank or a process of a pool, where nobody counts `memory.events`',
    retryable: true,
    remedy:
      'Nothing of Enginesmith sent that signal. `dmesg` says whether it was the kernel ("Out of memory: Killed process"); then ' +
      'it needs a host with more memory, a higher limit, or fewer build.workers. Else it was somebody on the host.',
    sources: [
      'NVIDIA/TensorRT-LLM#191',
      'NVIDIA/TensorRT-LLM#678',
      'NVIDIA/TensorRT-LLM#743',
      'NVIDIA/TensorRT-LLM#1700',
    ],
  },
  {
    code: 'ranks-cannot-talk',
    type: 'CommunicationFailed',
    title: 'lost the connection between its ranks',
    lines: [
      /^Failed, NCCL error \S{1,300}:\d+ '/,
      /^(?:[\w.]+\.)?(?:RuntimeError|DistBackendError): NCCL (?:[Ee]rror|communicator was aborted)/,
      /^\[E[ \d:.]{0,30}ProcessGroupNCCL\.cpp:\d+\] \[(?:PG .{1,60} )?Rank \d+\] Watchdog caught collective operation timeout/,
      /^Assertion failed: Failed: MPI error /,
      /^There are not enough slots available in the system to satisfy the \d+/,
      /^\[\S{1,80}:\d+\] PMIX ERROR: /,
    ],
    retryable: true,
    remedy:
      'Look that no other process is on these GPUs (nvidia-smi), that /dev/shm has 1 GiB a rank, and that peers see each other ' +
      '(nvidia-smi topo -m); NCCL_DEBUG=INFO in the environment of toolchain.json says which transport failed, and ' +
      'NCCL_P2P_DISABLE=1 there works around broken peer access.',
    sources: [
      'NVIDIA/TensorRT-LLM#213',
      'NVIDIA/TensorRT-LLM#1826',
      'NVIDIA/TensorRT-LLM#2560',
      'NVIDIA/nccl#1438',
      'hiyouga/LlamaFactory#7396',
    ],
  },
];
