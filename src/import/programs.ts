import { posix } from 'node:path';
import type { ToolName } from '../toolchains/contracts/contract.js';
import { familyOfName, type ModelFamilyGuess } from './families.js';
import { afterLauncher, afterMpi, launchers, mpiLaunchers } from './launchers.js';
import { containerDirectory } from './shell/containers.js';
import { resolvePath } from './shell/paths.js';
import type { ShellCommand } from './shell/read-commands.js';
import type { ShellWord } from './shell/words.js';

/** Programs without a contract of flags, whose command lines say something all the same. */
const otherPrograms = [
  'fill_template.py',
  'tritonserver',
  'trtllm-bench',
  'nvidia-smi',
  'git',
  'rm',
  'cp',
  'sed',
  'huggingface-cli',
  'hf',
  'docker',
] as const;

/** A converter of a model family whose command line is not known. */
const UNKNOWN_CONVERTER = 'convert_checkpoint.py';

export type ProgramName = ToolName | (typeof otherPrograms)[number] | typeof UNKNOWN_CONVERTER;

/** A program that a command starts, behind whatever starts it. */
export interface ProgramCall {
  program: ProgramName;
  /** Where the program is, as far as the page says. */
  path: string;
  arguments: readonly ShellWord[];
  /** Of mpirun; null where it is not under one, or its number is not known. */
  ranks: number | null;
  isUnderMpi: boolean;
  /** What CUDA_VISIBLE_DEVICES says for this command alone; null where nothing does. */
  visibleDevices: string | null;
  directory: string | null;
  /** The file that its output goes to; null where it goes nowhere, or where is not known. */
  output: string | null;
  /** Whether its output goes to a file or another program. */
  isRedirected: boolean;
  line: number;
}

const PYTHON = /^(?:python|pypy)[\d.]*$/;
const PYTHON_OPTIONS_WITH_VALUE = new Set(['-W', '-X']);

const otherNames: ReadonlySet<string> = new Set(otherPrograms);

const byBaseName: ReadonlyMap<string, ProgramName> = new Map<string, ProgramName>([
  ['quantize.py', 'quantize.py'],
  ['trtllm-build', 'trtllm-build'],
  ['summarize.py', 'summarize.py'],
  ['vit_onnx_trt.py', 'qwenvl/vit_onnx_trt.py'],
  ['gptManagerBenchmark', 'gptManagerBenchmark'],
  ['launch_triton_server.py', 'launch_triton_server.py'],
  ['prepare_dataset.py', 'prepare_dataset.py'],
  ...otherPrograms.map((name) => [name, name] as const),
]);

/** Which family a converter is of: by its folder in the examples, or else by the model that it is given. */
export function converterFamily(path: string, directory: string | null, words: readonly ShellWord[]): ModelFamilyGuess {
  const folder = familyOfName(posix.basename(posix.dirname(resolvePath(path, directory) ?? path)));
  if (folder.isNamed) return folder;
  const index = words.findIndex(({ text }) => /^--model_dir(?:=|$)/.test(text ?? ''));
  const text = words[index]?.text ?? '';
  const model = text.includes('=') ? text.slice(text.indexOf('=') + 1) : (words[index + 1]?.text ?? '');
  return familyOfName(index === -1 ? '' : posix.basename(model));
}

/** What a file is, by its name and the folder that the examples have it in. */
function programAt(path: string, words: readonly ShellWord[]): ProgramName | null {
  const name = posix.basename(path);
  const folder = posix.basename(posix.dirname(path));
  if (name === 'convert_checkpoint.py') {
    const { family, isNamed } = converterFamily(path, null, words);
    return isNamed && (family === 'llama' || family === 'qwen') ? `${family}/convert_checkpoint.py` : UNKNOWN_CONVERTER;
  }
  if (name === 'run.py') {
    const isQwenVl = folder === 'qwenvl' || words.some(({ text }) => text?.startsWith('--qwen_engine_dir') ?? false);
    if (isQwenVl) return 'qwenvl/run.py';
    return words.some(({ text }) => /^--(?:engine_dir|max_output_len)\b/.test(text ?? '')) ? 'run.py' : null;
  }
  return byBaseName.get(name) ?? null;
}

function afterPython(words: readonly ShellWord[]): readonly ShellWord[] {
  let index = 0;
  while (words[index]?.text?.startsWith('-') === true) {
    const text = words[index]?.text ?? '';
    if (text === '-c' || text === '-') return [];
    if (text === '-m') return words[index + 1]?.text === 'tensorrt_llm.commands.build' ? words.slice(index + 1) : [];
    index += PYTHON_OPTIONS_WITH_VALUE.has(text) ? 2 : 1;
  }
  return words.slice(index);
}

/** `docker run … IMAGE trtllm-build …`: which option takes a value is not known here, so what is started is looked for. */
function inContainer(words: readonly ShellWord[]): readonly ShellWord[] | null {
  if (words[0]?.text !== 'run' && words[0]?.text !== 'exec') return null;
  const index = words.findIndex(({ text }) => {
    const name = posix.basename(text ?? '');
    return (
      !otherNames.has(name) && (PYTHON.test(name) || mpiLaunchers.has(name) || programAt(text ?? '', words) !== null)
    );
  });
  return index === -1 ? null : words.slice(index);
}

/** @returns null where the command starts nothing that an import follows */
export function programOf({
  words,
  environment,
  directory,
  line,
  output,
  isRedirected,
}: ShellCommand): ProgramCall | null {
  let rest = words;
  let ranks: number | null = null;
  let isUnderMpi = false;
  let where = directory;
  let visibleDevices = environment.get('CUDA_VISIBLE_DEVICES') ?? null;
  for (let steps = 0; steps < 8; steps += 1) {
    const [first, ...others] = rest;
    const name = posix.basename(first?.text ?? '');
    const launcher = launchers.get(name);
    if (launcher !== undefined) {
      const devices = others.find(({ text }) => text?.startsWith('CUDA_VISIBLE_DEVICES=') ?? false)?.text;
      visibleDevices = devices?.slice(devices.indexOf('=') + 1) ?? visibleDevices;
      rest = afterLauncher(others, launcher);
    } else if (mpiLaunchers.has(name)) {
      isUnderMpi = true;
      ({ rest, ranks } = afterMpi(others));
    } else if (PYTHON.test(name)) {
      rest = afterPython(others);
      if (rest[0]?.text === 'tensorrt_llm.commands.build') break;
    } else if (name === 'docker') {
      const inside = inContainer(others);
      if (inside === null) break;
      where = resolvePath(containerDirectory(others), '/') ?? where;
      rest = inside;
    } else break;
  }
  const [first, ...others] = rest;
  if (first?.text === undefined || first.text === null) return null;
  const path = resolvePath(first.text, where) ?? first.text;
  const program = first.text === 'tensorrt_llm.commands.build' ? 'trtllm-build' : programAt(path, others);
  if (program === null) return null;
  return {
    program,
    path: first.text,
    arguments: others,
    ranks,
    isUnderMpi,
    visibleDevices,
    directory: where,
    output,
    isRedirected,
    line,
  };
}
