import { buildLimits } from '../contracts/spec-fields.js';
import type { Engine } from './course.js';
import { asNumber, type Doubt, readField } from './doubts.js';
import { finding } from './findings.js';
import { isGiven, lineOf, type ToolCall } from './tool-call.js';

/** What a spec says where it says nothing. */
const SPEC_BATCH_SIZE = 8;
const SPEC_TOKENS = 1024;

interface LimitFlag {
  flag: string;
  key: 'maxBatchSize' | 'maxInputTokens' | 'maxOutputTokens';
  ofSpec: number;
}

/** As given, or else the release's default. */
function limitOf(tool: ToolCall, { flag, key, ofSpec }: LimitFlag, doubts: Doubt[]): number | undefined {
  const instead = `what is written is ours, ${ofSpec} unless other limits say less`;
  return readField(tool, { flag, path: ['build', key], schema: buildLimits[key], instead }, asNumber, doubts);
}

type Lengths = Pick<Engine, 'maxInputTokens' | 'maxOutputTokens'>;

const OUTPUT = ['build', 'maxOutputTokens'];

/**
 * A prompt may be as long as the whole sequence, but then nothing is generated: half of it is for the answer. trtllm-build
 * cuts a longer prompt to the sequence.
 */
function withoutRoom(tool: ToolCall, input: number, sequence: number, doubts: Doubt[]): Lengths {
  const maxInputTokens = Math.max(1, Math.ceil(sequence / 2));
  const maxOutputTokens = Math.max(1, sequence - maxInputTokens);
  const line = lineOf(tool, '--max_seq_len');
  const said = isGiven(tool, '--max_input_len') ? '' : ', the default';
  doubts.push({
    path: OUTPUT,
    comment: `ours: line ${line} has ${sequence} tokens for prompt and answer together; half of them each`,
    finding: finding('no-room-for-output', {
      line,
      field: '--max_seq_len',
      message: `--max_seq_len ${sequence} holds prompt and answer together, and --max_input_len ${input}${said} leaves ${input > sequence ? 'less than nothing: the build cuts it, and ' : ''}no token for the answer of the longest prompt; the spec has ${maxInputTokens} + ${maxOutputTokens}`,
      fix: `Build with --max_seq_len = prompt + answer, as in ${input + SPEC_TOKENS}.`,
    }),
  });
  return { maxInputTokens, maxOutputTokens };
}

/** The sequence's length is the model's number of positions, which the script does not say. */
function withoutSequence(tool: ToolCall, doubts: Doubt[]): number {
  const { line } = tool.call;
  doubts.push({
    path: OUTPUT,
    comment: `ours: line ${line} gives no --max_seq_len, and the build takes the model's max_position_embeddings`,
    finding: finding('limit-assumed', {
      line,
      field: '--max_seq_len',
      message: `without --max_seq_len the engine is built for as many tokens as the model has positions (max_position_embeddings of its config.json); the spec has answers of ${SPEC_TOKENS}`,
      fix: 'Say --max_seq_len = prompt + answer, or correct build.maxOutputTokens.',
    }),
  });
  return SPEC_TOKENS;
}

function lengthsOf(tool: ToolCall, doubts: Doubt[]): Lengths {
  const input = limitOf(tool, { flag: '--max_input_len', key: 'maxInputTokens', ofSpec: SPEC_TOKENS }, doubts);
  const maxInputTokens = input ?? SPEC_TOKENS;
  const hasSequence = tool.flags.has('--max_seq_len');
  // v0.11 takes both, and obeys the older one.
  if (!hasSequence || isGiven(tool, '--max_output_len')) {
    const flag = { flag: '--max_output_len', key: 'maxOutputTokens', ofSpec: SPEC_TOKENS } as const;
    const meant = Number(tool.unknown.get('--max_seq_len')?.text ?? Number.NaN) - maxInputTokens;
    if (buildLimits.maxOutputTokens.safeParse(meant).success) return { maxInputTokens, maxOutputTokens: meant };
    return { maxInputTokens, maxOutputTokens: limitOf(tool, flag, doubts) ?? SPEC_TOKENS };
  }
  const meant = Number(tool.unknown.get('--max_output_len')?.text ?? Number.NaN);
  if (buildLimits.maxOutputTokens.safeParse(meant).success) return { maxInputTokens, maxOutputTokens: meant };
  if (!isGiven(tool, '--max_seq_len')) return { maxInputTokens, maxOutputTokens: withoutSequence(tool, doubts) };
  const flag = { flag: '--max_seq_len', key: 'maxOutputTokens', ofSpec: SPEC_TOKENS } as const;
  const sequence = limitOf(tool, flag, doubts);
  if (sequence === undefined) return { maxInputTokens, maxOutputTokens: SPEC_TOKENS };
  if (input === undefined) {
    const half = Math.max(1, Math.min(SPEC_TOKENS, Math.ceil(sequence / 2)));
    return { maxInputTokens: half, maxOutputTokens: Math.max(1, sequence - half) };
  }
  if (sequence > input) return { maxInputTokens, maxOutputTokens: sequence - maxInputTokens };
  return withoutRoom(tool, input, sequence, doubts);
}

/** Limits of an engine: batch, prompt and answer. From v0.11 on the build is told how long the whole sequence may be. */
export function readLimits(
  tool: ToolCall,
): Pick<Engine, 'maxBatchSize' | 'maxInputTokens' | 'maxOutputTokens' | 'doubts'> {
  const doubts: Doubt[] = [];
  const batch = { flag: '--max_batch_size', key: 'maxBatchSize', ofSpec: SPEC_BATCH_SIZE } as const;
  return {
    maxBatchSize: limitOf(tool, batch, doubts) ?? SPEC_BATCH_SIZE,
    ...lengthsOf(tool, doubts),
    doubts,
  };
}
