import type { ReleaseNumber } from './contracts/contracts.js';
import { toolPaths } from './releases.js';

/** An NVIDIA image, and what our overlay (infra/docker) adds for the release that it holds. */
interface ToolchainImage {
  /** The TensorRT-LLM release, which is also the tag of TensorRT-LLM and of tensorrtllm_backend. */
  release: ReleaseNumber;
  /** What the overlay is built on. */
  base: string;
  /** The quantization library, as pip names it; null: the one that the base brings is left. */
  quantizer: string | null;
  /** For Qwen-VL's vision encoder; installed without its dependencies. null: not known to be needed. */
  torchvision: string | null;
  /** For the clients that lie in the image; Triton of the same month. */
  tritonclient: string;
}

const triton = (month: string): string => `nvcr.io/nvidia/tritonserver:${month}-trtllm-python-py3`;

/**
 * Which release each image holds, after Triton's compatibility matrix
 * (https://docs.nvidia.com/deeplearning/triton-inference-server/user-guide/docs/introduction/compatibility.html). The month in
 * the tag is Triton's own. `nvidia-ammo` is what ModelOpt was called before release 0.10.
 */
export const toolchainImages: readonly ToolchainImage[] = [
  {
    release: 'v0.9.0',
    base: triton('24.05'),
    quantizer: 'nvidia-ammo==0.7.3',
    torchvision: null,
    tritonclient: '2.46.0',
  },
  {
    release: 'v0.10.0',
    base: triton('24.06'),
    quantizer: 'nvidia-modelopt==0.11.0',
    torchvision: '0.17.2',
    tritonclient: '2.47.0',
  },
  { release: 'v0.11.0', base: triton('24.07'), quantizer: null, torchvision: null, tritonclient: '2.48.0' },
  { release: 'v0.12.0', base: triton('24.08'), quantizer: null, torchvision: null, tritonclient: '2.49.0' },
  { release: 'v0.13.0', base: triton('24.09'), quantizer: null, torchvision: null, tritonclient: '2.50.0' },
];

/** The release in NVIDIA's image of a month, as in "24.05"; undefined where it is not known. */
export const releaseOfImage = (month: string): ReleaseNumber | undefined =>
  toolchainImages.find(({ base }) => base === triton(month))?.release;

/** What the overlay puts where `toolPaths` expects it, or finds there; the rest belongs to the CPU reference. */
export const imagePaths: readonly string[] = [
  toolPaths.quantize,
  toolPaths.convertLlama,
  toolPaths.convertQwen,
  toolPaths.qwenVlVision,
  toolPaths.qwenVlRun,
  toolPaths.prepareDataset,
  toolPaths.summarize,
  toolPaths.run,
  toolPaths.fillTemplate,
  toolPaths.launchTritonServer,
  toolPaths.tritonServer,
  toolPaths.ensembleTemplates,
];

/**
 * Why an image cannot be the toolchain that its description says.
 * @param held what the image was found to hold
 * @returns undefined when it can
 */
export function imageProblem(
  described: { name: string; release: string; image: string },
  held: { version: string | null; missing: readonly string[] },
): string | undefined {
  const release = held.version === null ? null : `v${held.version}`;
  if (release !== described.release) {
    const right = toolchainImages.find((row) => row.release === described.release);
    return (
      `${described.image} holds ${release === null ? 'no TensorRT-LLM' : `TensorRT-LLM ${release}`}, and toolchain.json says that ${described.name} is ` +
      `${described.release}. ` +
      (right === undefined ? 'Name an image of that release.' : `${right.base} holds ${right.release}.`)
    );
  }
  if (held.missing.length === 0) return undefined;
  return (
    `${described.image} lacks ${held.missing.join(', ')}. NVIDIA's image holds neither the examples nor the backend's scripts: ` +
    `build ours on it with \`infra/docker/build.sh ${described.release}\`, and name that one in toolchain.json.`
  );
}
