/** GPUs and disks are sold by it. */
export const GIGABYTE = 1e9;

/** A number of bytes as people compare it with what they have: "26 GB", "1.8 GB". */
export function gigabytes(bytes: number): string {
  const value = bytes / GIGABYTE;
  return `${value >= 10 ? Math.round(value) : Math.max(0.1, Math.round(value * 10) / 10)} GB`;
}
