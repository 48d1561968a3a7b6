import * as z from 'zod';

const milliseconds = z.number().min(0);

/** Every clause of the contract that a revision keeps before it takes its name, in the order in which they are tried. */
export const smokeClauses = [
  'models-ready',
  'streams',
  'whole-characters',
  'same-text-unstreamed',
  'length-limits',
  'refuses-bad-request',
  'concurrent-streams',
  'cancelled-stream-stops',
] as const;

export type SmokeClause = (typeof smokeClauses)[number];

/** What a revision answered before it took its name. Times are measured at the client, over gRPC. */
export const smokeReport = z.strictObject({
  schema: z.enum(['enginesmith/smoke-report/v1', 'enginesmith/smoke-report/v2']),
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
  /** One entry a clause that was tried and kept; absent in reports of version 1. */
  clauses: z
    .array(
      z.strictObject({
        name: z.enum(smokeClauses),
        /** What was seen, in one sentence. */
        seen: z.string(),
        /** What upstream's servers do too, and clients should know: reported, not failed. */
        notice: z.string().optional(),
        durationMs: milliseconds,
      }),
    )
    .optional(),
});

export type SmokeReport = z.infer<typeof smokeReport>;
