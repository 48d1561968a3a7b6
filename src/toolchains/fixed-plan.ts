import type { SpecProblem } from '../contracts/spec-problems.js';
import type { CommandTemplate } from './command.js';

/** One step of a pipeline that is planned whole, and that this version does not run yet. */
export interface FixedStep {
  name: string;
  queue: string;
  gpus: number;
  /** Names of the steps whose outputs it reads: `{name}` in its commands. */
  reads: readonly string[];
  commands: CommandTemplate[];
}

/** What a spec asks and its release cannot do, each field once. */
export function unsupportedIn(steps: readonly FixedStep[]): SpecProblem[] {
  const problems = steps.flatMap(({ commands }) => commands.flatMap(({ unsupported }) => unsupported));
  return [...new Map(problems.map((problem) => [problem.field, problem])).values()];
}
