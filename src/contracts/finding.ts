/** `error` refuses the spec; `warning` says that what was asked is likely not what was meant; `note` informs. */
export type FindingSeverity = 'error' | 'warning' | 'note';

/** What lint says of one field of a spec. */
export interface Finding {
  /** Stable and unique to its rule, as in `fp8-needs-sm89`: people search for it and scripts branch on it. */
  code: string;
  severity: FindingSeverity;
  /** Full name in the spec, as in `quantization.format`. */
  field: string;
  /** What is so, and what comes of it. */
  consequence: string;
  /** What to do. */
  fix: string;
}
