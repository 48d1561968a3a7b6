import { setTimeout as delay } from 'node:timers/promises';

/** Asks again until there is an answer; bounded. */
export async function until<Answer>(
  what: string,
  ask: () => Promise<Answer | undefined>,
  { withinMs = 120_000 } = {},
): Promise<Answer> {
  const deadline = Date.now() + withinMs;
  for (;;) {
    const answer = await ask().catch(() => undefined);
    if (answer !== undefined) return answer;
    if (Date.now() > deadline) throw new Error(`no ${what} in time`);
    await delay(50);
  }
}
