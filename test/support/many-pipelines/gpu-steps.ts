import type { Client } from '@temporalio/client';
import { z } from 'zod';
import type { PipelineResult } from '../../../src/contracts/pipeline.js';
import { finishedActivities } from '../executions.js';

/** What a step activity was asked. */
const request = z.object({ step: z.string() });

/** Activities that run a tool. */
const TOOL_ACTIVITIES = ['quantize', 'convert', 'build', 'evaluate', 'compareEngines'];

export interface GpuSteps {
  /** Which step of which pipeline a job is of; one of them, where several have it in common. */
  ofJob: Map<string, { activity: string; pipeline: number }>;
  /** When the activities of each job were scheduled. */
  scheduledAtMs: Map<string, number[]>;
  /** How long each waited for its last attempt, which got what it needs. */
  waitsMs: number[];
  attempts: number;
}

/** Reads from Temporal's histories what was scheduled when. @param results by pipeline, from 1; a text has no steps */
export async function readGpuSteps(client: Client, results: readonly (PipelineResult | string)[]): Promise<GpuSteps> {
  const steps: GpuSteps = { ofJob: new Map(), scheduledAtMs: new Map(), waitsMs: [], attempts: 0 };
  for (const [index, result] of results.entries()) {
    if (typeof result === 'string') continue;
    const pipeline = index + 1;
    const keys = new Map<string, string>(result.steps.map(({ name, key }) => [name, key]));
    for (const { type, input, scheduledAtMs, startedAtMs, attempt } of await finishedActivities(
      client,
      `many-${pipeline}`,
    )) {
      if (!TOOL_ACTIVITIES.includes(type) || scheduledAtMs === undefined || startedAtMs === undefined) continue;
      const job = `${type}-${keys.get(request.parse(JSON.parse(input)).step)}`;
      steps.ofJob.set(job, { activity: type, pipeline });
      steps.scheduledAtMs.set(job, [...(steps.scheduledAtMs.get(job) ?? []), scheduledAtMs]);
      if (type === 'convert') continue;
      steps.waitsMs.push(startedAtMs - scheduledAtMs);
      steps.attempts += attempt;
    }
  }
  return steps;
}
