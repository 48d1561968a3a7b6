import pc from 'picocolors';
import type { ParkedStep, PipelineProgress } from '../contracts/pipeline.js';

/** What a pipeline waits for that only a person can do, and how it goes on then. */
export const parkedLines = (workflowId: string, parked: PipelineProgress['parked'] = []): string[] =>
  parked.length === 0 ? [] : [...parked.map(line), `  Then: npx enginesmith retry ${workflowId}`];

const line = ({ step, reason }: ParkedStep): string => `  ${pc.yellow('‖')} ${step} waits for you: ${reason}`;
