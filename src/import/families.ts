import type { ModelFamily } from '../contracts/spec-fields.js';
import type { ToolName } from '../toolchains/contracts/contract.js';

/** The family that a model most likely is of. */
export interface ModelFamilyGuess {
  /** Null where no spec has it. */
  family: ModelFamily | null;
  /** As people call it. */
  name: string;
  /** Whether the name says it; else it is taken for a Llama, which most models are built like. */
  isNamed: boolean;
}

/** Families of specs, by words in the names of their models. */
const known: readonly [RegExp, ModelFamily][] = [
  [/qwen/i, 'qwen'],
  [/baichuan/i, 'baichuan'],
  [/llama|mi[sx]tral|vicuna|alpaca|smollm/i, 'llama'],
];

/** Families that TensorRT-LLM has a converter of its own for and specs have not, by a word of a model's name. */
const others = new Set([
  ...[
    'arctic',
    'bloom',
    'bloomz',
    'chatglm',
    'chatglm2',
    'chatglm3',
    'codegemma',
    'commandr',
    'cogvlm',
    'dbrx',
    'falcon',
  ],
  ...['gemma', 'gemma2', 'glm', 'glm4', 'gpt', 'gpt2', 'gptj', 'gptneox', 'grok', 'jais', 'mamba', 'mamba2', 'mpt'],
  ...['nemotron', 'opt', 'phi', 'phi2', 'phi3', 'pythia', 'recurrentgemma', 'santacoder', 'skywork', 'starcoder'],
  ...['starcoder2', 't5', 'bart', 'whisper', 'bert', 'roberta', 'deepseek', 'exaone', 'internlm2'],
]);

/** The family of a model by what it is called. */
export function familyOfName(name: string): ModelFamilyGuess {
  const base = name.replace(/\/+$/, '').split('/').at(-1) ?? '';
  const other = base
    .toLowerCase()
    .split(/[-_. ]/)
    .find((word) => others.has(word));
  // `DeepSeek-R1-Distill-Llama-8B` is a Llama; `llama/gemma-7b` is none.
  const own = known.find(([pattern]) => pattern.test(base));
  const found = own ?? (other === undefined ? known.find(([pattern]) => pattern.test(name)) : undefined);
  if (found !== undefined) return { family: found[1], name: found[1], isNamed: true };
  return other === undefined
    ? { family: 'llama', name: 'llama', isNamed: false }
    : { family: null, name: other, isNamed: true };
}

/** The family of a model that a program converts or quantizes: a converter is of one family, whatever the model is called. */
export function familyOf(tool: ToolName, model: string | null): ModelFamilyGuess {
  if (tool === 'qwen/convert_checkpoint.py') return { family: 'qwen', name: 'qwen', isNamed: true };
  if (tool === 'llama/convert_checkpoint.py') return { family: 'llama', name: 'llama', isNamed: true };
  return familyOfName(model ?? '');
}
