import type { Spec } from '../contracts/spec.js';
import { findRelease } from './releases.js';

/**
 * Whether `questionRenderer` asks in the words of the evaluation. The releases' summarize.py gives a model of Qwen the article
 * in a chat of its own, whose text is not known here; anything else would be judged as a fault of what serves.
 */
export const asksAsTool = ({ model, gate, toolchain }: Pick<Spec, 'model' | 'gate' | 'toolchain'>): boolean =>
  model.family !== 'qwen' || gate.dataset.kind === 'prompts' || findRelease(toolchain).summaryRequest === 'chat';
