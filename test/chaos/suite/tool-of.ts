import { catches } from '../../support/catch-activities.js';

/** The program that a step runs. @throws for a step that runs none */
export function toolOf(step: string): string {
  const how = catches[step];
  if (how === undefined || how === 'delivered' || !('tool' in how)) throw new Error(`${step} runs no tool`);
  return how.tool;
}
