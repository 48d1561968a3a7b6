/** A GPU that people know by name. */
export interface KnownGpu {
  name: string;
  /** GPU class: its compute capability. */
  class: string;
  /** As sold: 10^9 bytes. nvidia-smi shows a little more or less in MiB, and the driver keeps some. */
  memoryGb: number;
}

/** Data-centre and large consumer GPUs of the classes that the releases run on (NVIDIA's product pages). */
export const knownGpus: readonly KnownGpu[] = [
  { name: 'a30', class: 'sm80', memoryGb: 24 },
  { name: 'a100-40', class: 'sm80', memoryGb: 40 },
  { name: 'a100-80', class: 'sm80', memoryGb: 80 },
  { name: 'a10', class: 'sm86', memoryGb: 24 },
  { name: 'a10g', class: 'sm86', memoryGb: 24 },
  { name: '3090', class: 'sm86', memoryGb: 24 },
  { name: 'a6000', class: 'sm86', memoryGb: 48 },
  { name: 'a40', class: 'sm86', memoryGb: 48 },
  { name: 'l4', class: 'sm89', memoryGb: 24 },
  { name: '4090', class: 'sm89', memoryGb: 24 },
  { name: 'l20', class: 'sm89', memoryGb: 48 },
  { name: 'l40', class: 'sm89', memoryGb: 48 },
  { name: 'l40s', class: 'sm89', memoryGb: 48 },
  { name: 'h100', class: 'sm90', memoryGb: 80 },
  { name: 'h20', class: 'sm90', memoryGb: 96 },
  { name: 'h200', class: 'sm90', memoryGb: 141 },
];

/** As people and nvidia-smi write it: "NVIDIA A100 80GB", "RTX-4090", "NVIDIA H100 80GB HBM3". */
export const normalizedGpuName = (name: string): string =>
  name
    .toLowerCase()
    .replaceAll(/nvidia|geforce|tesla|rtx|hbm\w*|sxm\d*|pcie?|nvl/g, '')
    .replaceAll(/[^a-z0-9]+/g, '')
    .replace(/gb$/, '');

/** GPUs of this name; its memory may stand behind it, as nvidia-smi has it. */
export const gpusNamed = (name: string): KnownGpu[] => {
  const wanted = normalizedGpuName(name);
  return knownGpus.filter((gpu) => {
    const known = normalizedGpuName(gpu.name);
    return known === wanted || `${known}${gpu.memoryGb}` === wanted;
  });
};

/** GPUs of a class, smallest first; none of a class that is no GPU or is not known. */
export const gpusOfClass = (gpuClass: string): KnownGpu[] =>
  knownGpus.filter((gpu) => gpu.class === gpuClass).sort((left, right) => left.memoryGb - right.memoryGb);

/** Compute capability × 10 of a class, 89 for `sm89`; null for the CPU reference. */
export function computeCapability(gpuClass: string): number | null {
  const digits = /^sm(\d{2,3})$/.exec(gpuClass)?.[1];
  return digits === undefined ? null : Number(digits);
}
