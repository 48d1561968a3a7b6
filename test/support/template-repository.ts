import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { ReleaseNumber } from '../../src/toolchains/contracts/contracts.js';
import { type EnsembleModel, ensembleModels } from '../../src/toolchains/contracts/templates.js';

const facts = await readFile(new URL('../fixtures/triton/inflight-batcher-templates.txt', import.meta.url), 'utf8');

/** What a model's template holds, one fact a line, by the words that name it. */
type Facts = Map<string, string[]>;

/** Tensors and parameters have names; of everything else a template has one. */
const nameOf = ([kind = '', name = '']: string[]): string =>
  ['input', 'output', 'parameter'].includes(kind) ? `${kind} ${name}` : kind;

function factsOf(release: ReleaseNumber): Record<EnsembleModel, Facts> {
  const models = Object.fromEntries(ensembleModels.map((model) => [model, new Map()])) as Record<EnsembleModel, Facts>;
  let model: EnsembleModel = 'preprocessing';
  let isReached = false;
  for (const line of facts.split('\n').filter((text) => text !== '' && !text.startsWith('#'))) {
    const words = line.trim().split(' ');
    const [kind, name = ''] = words;
    if (kind === 'release' && isReached) break;
    if (kind === 'release') isReached = name === release;
    else if (kind === 'model') model = ensembleModels.find((known) => known === name) ?? model;
    else if (kind === '-') models[model].delete(words.slice(1).join(' '));
    else models[model].set(nameOf(words), words);
  }
  return models;
}

/** Steps of the ensemble, with the tensors that hold them together. */
const STEPS = `ensemble_scheduling { step [
  { model_name: "preprocessing" model_version: -1
    input_map { key: "QUERY" value: "text_input" } output_map { key: "INPUT_ID" value: "_INPUT_ID" } },
  { model_name: "tensorrt_llm" model_version: -1
    input_map { key: "input_ids" value: "_INPUT_ID" } output_map { key: "output_ids" value: "_TOKENS" } },
  { model_name: "postprocessing" model_version: -1
    input_map { key: "TOKENS_BATCH" value: "_TOKENS" } output_map { key: "OUTPUT" value: "text_output" } }
] }`;

const tensor = (kind: string, [, name, type, dims = '', optional]: string[]): string =>
  `${kind} [ { name: "${name}" data_type: ${type} dims: [ ${dims} ]${optional ? ' optional: true' : ''} } ]`;

function configuration(model: EnsembleModel, held: Facts): string {
  const lines = [`name: "${model}"`];
  const queue = held.get('queue')?.[1];
  const policy = queue === undefined ? '' : ` default_queue_policy: { max_queue_size: ${queue} }`;
  for (const words of held.values()) {
    const [kind = '', value = ''] = words;
    if (kind === 'platform') lines.push(`platform: "${value}"`, STEPS);
    else if (kind === 'backend') lines.push(`backend: "${value}"`);
    else if (kind === 'batch') lines.push(`max_batch_size: ${value}`);
    else if (kind === 'decoupled') lines.push(`model_transaction_policy { decoupled: ${value} }`);
    else if (kind === 'delay') lines.push(`dynamic_batching { max_queue_delay_microseconds: ${value}${policy} }`);
    else if (kind === 'instances') lines.push(`instance_group [ { count: ${value} kind: KIND_CPU } ]`);
    else if (kind === 'input' || kind === 'output') lines.push(tensor(kind, words));
    else if (kind === 'parameter') lines.push(`parameters: { key: "${value}" value: { string_value: "${words[2]}" } }`);
  }
  return `${lines.join('\n')}\n`;
}

/** Text of every model's config.pbtxt before it is filled: the facts of a release's templates in a form of our own. */
export const templateTexts = (release: ReleaseNumber): [EnsembleModel, string][] =>
  Object.entries(factsOf(release)).map(([model, held]) => [
    model as EnsembleModel,
    configuration(model as EnsembleModel, held),
  ]);

/** Writes the templates of a release as a model repository. */
export async function writeTemplateRepository(release: ReleaseNumber, repository: string): Promise<void> {
  for (const [model, text] of templateTexts(release)) {
    await mkdir(join(repository, model), { recursive: true });
    await writeFile(join(repository, model, 'config.pbtxt'), text);
  }
}
