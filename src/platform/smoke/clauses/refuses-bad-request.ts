import {
  boolTensor,
  type InferenceRequest,
  type InputTensor,
  int32Tensor,
  servedModels,
  textTensor,
} from '../../triton/tensors.js';
import { joinedText } from '../answer.js';
import { type Clause, ClauseBroken, type ClauseContext, quoted } from '../clause.js';
import { refusalOf } from '../refusal.js';

const floatContent = Buffer.alloc(4);
floatContent.writeFloatLE(8);

const stream = boolTensor('stream', true);

/** Every way to ask wrongly, by what it is. Triton counts required inputs, so only a lack in number is noticed. */
const badTensors: readonly [what: string, tensors: readonly InputTensor[]][] = [
  ['a request without max_tokens', []],
  ['max_tokens as FP32', [stream, { name: 'max_tokens', datatype: 'FP32', shape: [1, 1], content: floatContent }]],
  ['max_tokens of shape [1, 2]', [stream, int32Tensor('max_tokens', 8, 8)]],
  ['max_tokens 0', [stream, int32Tensor('max_tokens', 0)]],
  ['max_tokens -1', [stream, int32Tensor('max_tokens', -1)]],
];

/** @returns requests that no model can serve, by what is wrong with them */
function badRequests(prompt: string, newRequestId: () => string): [what: string, request: InferenceRequest][] {
  const request = (model: string, tensors: readonly InputTensor[]): InferenceRequest => ({
    model,
    requestId: newRequestId(),
    tensors: [textTensor('text_input', prompt), ...tensors],
    outputs: ['text_output'],
  });
  return [
    ...[servedModels.ensemble, servedModels.bls].flatMap((model) =>
      badTensors.map(([what, tensors]): [string, InferenceRequest] => [what, request(model, tensors)]),
    ),
    ['a request to a model that does not exist', request('enginesmith_no_such_model', [int32Tensor('max_tokens', 8)])],
  ];
}

/** Bad requests get an error each, in time, and a stream beside them goes on to the same text as alone. */
export const refusesBadRequest: Clause = {
  name: 'refuses-bad-request',
  run: async (context) => {
    const { client, smoke, maxTokens, ask, askAlone, newRequestId, signal } = context;
    const model = servedModels.ensemble;
    const question = { model, prompt: smoke.prompt, maxTokens, stream: true };
    const alone = joinedText(await askAlone(question));
    const beside = ask(question);
    const bad = badRequests(smoke.prompt, newRequestId);
    const refusals = refuseEach(context, bad);
    // Both are waited for, whichever fails: nothing of this clause goes on in the next one.
    const [answered, refused] = await Promise.allSettled([beside, refusals]);
    if (refused.status === 'rejected') throw refused.reason;
    const advice = 'A bad request of one client must not reach another one.';
    if (answered.status === 'rejected')
      throw new ClauseBroken({
        model,
        seen: `lost a stream beside bad requests: ${answered.reason instanceof Error ? answered.reason.message : answered.reason}`,
        advice,
        cause: answered.reason,
      });
    const text = joinedText(answered.value);
    if (text !== alone)
      throw new ClauseBroken({
        model,
        seen: `answered ${quoted(text)} beside bad requests, and ${quoted(alone)} alone`,
        advice,
      });
    if (!(await client.modelReady(model, signal)))
      throw new ClauseBroken({ model, seen: 'is not ready any more after bad requests', advice });
    return { seen: `${bad.length} bad requests got an error each, and a stream beside them its text.` };
  },
};

/** One after the other: Triton's Python backend may not unload a model any more that refused several at the same moment. */
async function refuseEach(context: ClauseContext, bad: readonly [string, InferenceRequest][]): Promise<void> {
  for (const [what, request] of bad) {
    if ((await refusalOf(context, request, what)) !== undefined) continue;
    const advice = 'It must be refused: clients would take the answer for what they asked.';
    throw new ClauseBroken({ model: request.model, seen: `answered ${what}`, advice });
  }
}
