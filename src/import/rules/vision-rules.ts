import { PICTURE_TOKENS } from '../course.js';
import { finding } from '../findings.js';
import { lineOf, numberOf, textOf } from '../tool-call.js';
import type { Rule } from './context.js';

const promptTable: Rule = ({ course }) =>
  course.engines.flatMap(({ tool, question, maxBatchSize }) => {
    const size = numberOf(tool, '--max_prompt_embedding_table_size') ?? 0;
    const needed = PICTURE_TOKENS * maxBatchSize;
    if (question === null || size >= needed) return [];
    return [
      finding('prompt-table-size', {
        line: lineOf(tool, '--max_prompt_embedding_table_size'),
        field: '--max_prompt_embedding_table_size',
        message: `a batch of ${maxBatchSize} pictures needs ${PICTURE_TOKENS} × ${maxBatchSize} = ${needed} rows, and the table has ${size}`,
        fix: `Build with ${needed}.`,
      }),
    ];
  });

/** vit_onnx_trt.py writes image.pt only where none is: the picture that is asked about may be another one. */
const staleTensor: Rule = ({ course }) =>
  course.engines.flatMap(({ question }) => {
    const text = question === null ? null : textOf(question, '--input_dir');
    if (question === null || text === null || !/\.pt\b/.test(text)) return [];
    return [
      finding('stale-image-tensor', {
        line: lineOf(question, '--input_dir'),
        field: '--input_dir',
        message:
          'vit_onnx_trt.py writes image.pt only if there is none yet: after other pictures the model still sees the first ones, while --images_path names the new',
        fix: 'Remove image.pt before vit_onnx_trt.py, or make one for the pictures that are asked about.',
      }),
    ];
  });

/** Vision-language models. */
export const visionRules: readonly Rule[] = [promptTable, staleTensor];
