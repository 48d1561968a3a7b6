import type { Contract } from './contract.js';
import { contract09 } from './v0.9.js';
import { contract010 } from './v0.10.js';
import { contract011 } from './v0.11.js';
import { contract012 } from './v0.12.js';
import { contract013 } from './v0.13.js';

/** Command lines of every release of TensorRT-LLM that Enginesmith knows, oldest first. */
export const contracts = {
  'v0.9.0': contract09,
  'v0.10.0': contract010,
  'v0.11.0': contract011,
  'v0.12.0': contract012,
  'v0.13.0': contract013,
} as const satisfies Record<string, Contract>;

export type ReleaseNumber = keyof typeof contracts;
