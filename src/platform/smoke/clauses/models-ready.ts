import { EnginesmithFailure } from '../../../contracts/failures.js';
import { servedModels } from '../../triton/tensors.js';
import { waitUntilReady } from '../../triton/wait-until-ready.js';
import { type Clause, ClauseBroken } from '../clause.js';

/** Readiness alone proves little: a rank may answer ready without the ensemble, so a token must come through it, too. */
export const modelsReady: Clause = {
  name: 'models-ready',
  run: async ({ client, models, readyDeadlineMs: deadlineMs, stillAlive, signal, smoke, ask }) => {
    const model = servedModels.ensemble;
    const ready = waitUntilReady(client, { models, deadlineMs, stillAlive, signal });
    const { readyMs } = await ready.catch((cause: unknown) => {
      if (!(cause instanceof EnginesmithFailure)) throw cause;
      const advice = 'A rank that answers alone, or a model that did not load, must not take the name.';
      throw new ClauseBroken({ model: 'the server', seen: `is not whole: ${cause.message}`, advice, cause });
    });
    const { chunks } = await ask({ model, prompt: smoke.prompt, maxTokens: 1, minTokens: 1, stream: true });
    if (chunks.length === 0) {
      const advice = 'The models are loaded, but do not work together.';
      throw new ClauseBroken({ model, seen: 'answers ready but generated no token', advice });
    }
    return {
      seen: `${models.length} models ready after ${Math.round(readyMs)} ms, and a token through the ensemble.`,
      measured: { readyMs },
    };
  },
};
