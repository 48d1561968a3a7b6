import type { ArtifactKind } from '../contracts/artifacts.js';
import type { JsonObject } from '../contracts/canonical-json.js';
import type { InputRole, StepActivityName, StepId } from '../contracts/steps.js';
import { CPU_TASK_QUEUE } from '../contracts/task-queues.js';
import { type CommandTemplate, semanticParameters } from './command.js';

/** One step as it will run, but for what belongs to an attempt. */
export interface StepPlan {
  id: StepId;
  activity: StepActivityName;
  artifact: ArtifactKind;
  queue: string;
  /** GPUs that it leases. */
  gpus: number;
  /** What it reads, by role: what a step makes, or an artifact that the spec pins. */
  inputs: Partial<Record<InputRole, StepId | { pinned: string }>>;
  /** What changes its output and is no input: part of its key. */
  parameters: JsonObject;
  /** Whether the toolchain made the output, so that its identity is part of the key. */
  usesToolchain: boolean;
  /** Whether the output only works on the GPU architecture that made it. */
  architectureBound: boolean;
  /** Null for a step that runs no tool. */
  command: CommandTemplate | null;
}

/** A step that the service does itself. */
export const withoutTool = {
  queue: CPU_TASK_QUEUE,
  gpus: 0,
  usesToolchain: false,
  architectureBound: false,
  command: null,
} as const;

/** A step that runs one program of the toolchain. */
export const toolStep = (
  step: Pick<StepPlan, 'id' | 'activity' | 'artifact' | 'queue' | 'gpus' | 'inputs'> & { command: CommandTemplate },
): StepPlan => ({
  ...step,
  parameters: semanticParameters(step.command),
  usesToolchain: true,
  architectureBound: step.activity === 'build',
});
