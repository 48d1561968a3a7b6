import { type FindingCode, finding } from '../findings.js';
import { releaseNumbers } from '../page-release.js';
import type { Rule, RuleContext } from './context.js';

interface Claim {
  code: FindingCode;
  field: string;
  /** All of them in one line of prose. */
  patterns: readonly RegExp[];
  /** @default always */
  applies?: (context: RuleContext) => boolean;
  message: string;
  fix: string;
}

/** What pages say in words and is wrong. */
const claims: readonly Claim[] = [
  {
    code: 'grpc-only-claim',
    field: 'decoupled_mode',
    patterns: [/decoupled/i, /grpc/i, /仅|只支持|only/i],
    message: 'decoupled mode is not for gRPC alone: HTTP streams through /generate_stream',
    fix: 'Say that only unary calls and /generate need decoupled_mode:False.',
  },
  {
    code: 'fill-template-starts-nothing',
    field: 'fill_template.py',
    patterns: [/fill_template/, /启动|start|launch/i, /triton\s*(?:server|服务|inference)/i],
    message: 'fill_template.py fills configurations and starts nothing',
    fix: 'launch_triton_server.py is meant.',
  },
  {
    code: 'ammo-is-modelopt',
    field: 'ammo',
    patterns: [/\bammo\b/i],
    applies: ({ stated: { release } }) => releaseNumbers.indexOf(release) >= releaseNumbers.indexOf('v0.10.0'),
    message: 'from v0.10 on the package is modelopt; ammo was its name in v0.9, and flags that said so are renamed too',
    fix: 'Say nvidia-modelopt.',
  },
  {
    code: 'fp8-needs-no-hopper',
    field: 'gpuClass',
    patterns: [
      /fp8/i,
      /hopper/i,
      /或之后|或更新|or (?:later|newer)|and (?:later|newer)|requires?\b.*hopper|仅.*hopper|only.*hopper/i,
    ],
    message:
      'FP8 weights run from compute capability 8.9 on: Ada (L4, L20, L40S, RTX 40) does too. Only FP8 context FMHA asks for Hopper, up to v0.11',
    fix: 'Say Ada or Hopper.',
  },
  {
    code: 'driver-floor',
    field: 'driver',
    patterns: [/驱动|driver/i, /\b535\b/],
    applies: ({ stated: { release } }) => releaseNumbers.indexOf(release) <= releaseNumbers.indexOf('v0.10.0'),
    message: '535 is enough for data-centre GPUs; for others the notes of the 24.05 and 24.06 containers ask for R545',
    fix: 'Say both.',
  },
];

const wrongClaims: Rule = (context) =>
  context.course.tools.length === 0
    ? []
    : context.page.prose.flatMap(({ line, text }) =>
        claims
          .filter(({ patterns, applies }) => patterns.every((one) => one.test(text)) && (applies?.(context) ?? true))
          .map(({ code, field, message, fix }) => finding(code, { line, field, message, fix })),
      );

/** What is said in words, beside the commands. */
export const proseRules: readonly Rule[] = [wrongClaims];
