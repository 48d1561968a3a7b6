import type { Spec } from '../../contracts/spec.js';
import type { SpecRule } from './rule.js';

/** Words of a name that promise something, and whether a spec keeps it. */
const promises: readonly { word: RegExp; isKept: (spec: Spec) => boolean }[] = [
  { word: /(?:^|-)w4a8(?:-|$)/, isKept: ({ quantization }) => quantization.format === 'w4a8_awq' },
  { word: /(?:^|-)awq(?:-|$)/, isKept: ({ quantization }) => quantization.format.endsWith('_awq') },
  { word: /(?:^|-)int4(?:-|$)/, isKept: ({ quantization }) => quantization.format.startsWith('int4') },
  {
    word: /(?:^|-)int8(?:-|$)/,
    isKept: ({ quantization }) => quantization.format.startsWith('int8') || quantization.kvCache === 'int8',
  },
  { word: /(?:^|-)sq(?:-|$)/, isKept: ({ quantization }) => quantization.format === 'int8_sq' },
  { word: /(?:^|-)wo(?:-|$)/, isKept: ({ quantization }) => quantization.format.endsWith('_wo') },
  {
    word: /(?:^|-)fp8(?:-|$)/,
    isKept: ({ quantization }) => ['fp8', 'w4a8_awq'].includes(quantization.format) || quantization.kvCache === 'fp8',
  },
  {
    word: /(?:^|-)fp16(?:-|$)/,
    isKept: ({ quantization }) => quantization.format === 'none' && quantization.dtype === 'float16',
  },
  {
    word: /(?:^|-)bf16(?:-|$)/,
    isKept: ({ quantization }) => quantization.format === 'none' && quantization.dtype === 'bfloat16',
  },
];

/** Degrees of parallelism that a name promises. */
const degreeOf = (name: string, prefix: string): number | null => {
  const digits = new RegExp(`(?:^|-)${prefix}(\\d{1,2})(?:-|$)`).exec(name)?.[1];
  return digits === undefined ? null : Number(digits);
};

/** A name is all that a deployment, a dashboard and the person on call see. */
export const namingRules: readonly SpecRule[] = [
  {
    code: 'name-says-other-format',
    severity: 'warning',
    stage: 'spec',
    field: 'name',
    title: 'a name with another format in it than the spec has',
    why: 'People take the deployment for what it is called: an engine in half precision was once stored as FP8 and overwritten.',
    fix: 'rename it, or correct quantization',
    source: 'Enginesmith',
    check: (spec) => {
      const broken = promises.find(({ word, isKept }) => word.test(spec.name) && !isKept(spec));
      if (broken === undefined) return null;
      const said = broken.word.exec(spec.name)?.[0].replaceAll('-', '');
      const { format, kvCache, dtype } = spec.quantization;
      const has = format === 'none' ? `no format (${dtype})` : `format ${format}`;
      return { consequence: `"${spec.name}" says ${said}; the spec has ${has} and KV cache ${kvCache}` };
    },
  },
  {
    code: 'name-says-other-parallelism',
    severity: 'warning',
    stage: 'spec',
    field: 'name',
    title: 'a name with another parallelism in it than the spec has',
    why: 'Engines of another world size fail where the name is believed, as in the launch of Triton.',
    fix: 'rename it, or correct parallelism',
    source: 'Enginesmith',
    check: ({ name, parallelism }) => {
      const asked = { tp: parallelism.tensor, pp: parallelism.pipeline };
      return Object.entries(asked).flatMap(([prefix, degree]) => {
        const said = degreeOf(name, prefix);
        return said === null || said === degree
          ? []
          : [{ consequence: `"${name}" says ${prefix}${said}; the spec has ${prefix} ${degree}` }];
      });
    },
  },
];
