import { z } from 'zod';

const milliseconds = z.number().min(0);

/** What a revision answered before it took its name. Times are measured at the client, over gRPC. */
export const smokeReport = z.strictObject({
  schema: z.literal('enginesmith/smoke-report/v1'),
  /** Every model that answered ready. */
  models: z.array(z.string()),
  /** The model that was asked. */
  model: z.string(),
  prompt: z.string(),
  /** How the answer began: at most 1,000 characters. */
  text: z.string(),
  /** Responses that carried text, without the final, empty one. */
  chunks: z.int().min(2),
  /** From the first question whether the server is ready until it and every model were. */
  readyMs: milliseconds,
  /** From the request to the first response with text. */
  timeToFirstTokenMs: milliseconds,
  betweenTokensMs: z.strictObject({ p50: milliseconds, max: milliseconds }),
  /** From the request to the final flag. */
  totalMs: milliseconds,
});

export type SmokeReport = z.infer<typeof smokeReport>;
