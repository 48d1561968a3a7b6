import type { DatasetRow } from '../contracts/evaluation.js';
import type { JudgedText } from '../contracts/gate.js';
import { findDegenerations } from './degenerations.js';
import { scoreRouge } from './rouge.js';

/** Scores a text against its row's reference, stems compared, and looks whether it is an answer at all. */
export function judgeText(text: string, { question, reference }: DatasetRow): JudgedText {
  return {
    text,
    scores: scoreRouge(reference, text, { stemmer: true }),
    degenerations: findDegenerations({ text, reference, question }),
  };
}
