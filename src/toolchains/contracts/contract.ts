/**
 * What a flag takes. `choices` are the only values, of which `enable` and `disable` make a switch; `nothing` is a bare flag.
 */
type FlagValue =
  | { kind: 'nothing' | 'text' | 'integer' | 'number' | 'boolean' }
  | { kind: 'choices'; choices: readonly string[] };

/** One flag of one program, as its argument parser declares it. */
export interface FlagContract {
  /** Its first spelling, and what else it is called. */
  names: readonly [string, ...string[]];
  value: FlagValue;
  /** Whether it takes one value after the other. */
  isList: boolean;
  /** How many values it takes where it always takes several; else 1. */
  count: number;
  /** Whether its value may be left out. */
  isValueOptional: boolean;
  isRequired: boolean;
  /** As the release prints it; null where there is none. */
  default: string | null;
}

/** Programs of a release whose command lines are known, by the name that the examples call them. */
export const toolNames = [
  'quantize.py',
  'llama/convert_checkpoint.py',
  'qwen/convert_checkpoint.py',
  'trtllm-build',
  'summarize.py',
  'run.py',
  'qwenvl/vit_onnx_trt.py',
  'qwenvl/run.py',
  'gptManagerBenchmark',
  'launch_triton_server.py',
  'prepare_dataset.py',
  'prepare_dataset.py token-norm-dist',
  'prepare_dataset.py token-unif-dist',
  'prepare_dataset.py dataset',
] as const;
export type ToolName = (typeof toolNames)[number];

/** The command lines that a release's programs take. Read when a program is first asked for: a plan needs few of them. */
export interface Contract {
  /** Flags by every spelling; null where the release has no such program. */
  flagsOf(tool: ToolName): ReadonlyMap<string, FlagContract> | null;
}

type Lines = Partial<Record<ToolName, string>>;

/** One a flag: `--name[,alias…] [VALUE] [!] [= default]`. `!` marks a required one, `VALUE...` a list, `[VALUE]` an optional value. */
const LINE = /^(?<names>-\S+)(?: (?<value>[^ !=]\S*))?(?<required> !)?(?: = (?<default>.+))?$/;
const VALUE = /^(?<open>\[)?(?<kind>TEXT|INT|FLOAT|BOOL|\{(?<choices>.*?)\})\]?(?:\*(?<count>\d))?(?<list>\.\.\.)?$/;
const kinds = { TEXT: 'text', INT: 'integer', FLOAT: 'number', BOOL: 'boolean' } as const;

function parseValue(text: string | undefined): Pick<FlagContract, 'value' | 'isList' | 'count' | 'isValueOptional'> {
  if (text === undefined) return { value: { kind: 'nothing' }, isList: false, count: 1, isValueOptional: false };
  const { open, kind, choices, count, list } = VALUE.exec(text)?.groups ?? {};
  if (kind === undefined) throw new Error(`a contract says "${text}" of a value`);
  const isKind = (name: string): name is keyof typeof kinds => name in kinds;
  return {
    value: isKind(kind) ? { kind: kinds[kind] } : { kind: 'choices', choices: (choices ?? '').split(',') },
    isList: list !== undefined,
    count: count === undefined ? 1 : Number(count),
    isValueOptional: open !== undefined,
  };
}

function parseLine(line: string): FlagContract {
  const { names, value, required, default: fallback } = LINE.exec(line)?.groups ?? {};
  const [first, ...others] = names?.split(',') ?? [];
  if (first === undefined) throw new Error(`a contract says "${line}"`);
  return {
    names: [first, ...others],
    ...parseValue(value),
    isRequired: required !== undefined,
    default: fallback ?? null,
  };
}

const linesOf = (text: string): string[] =>
  text
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '');

/** Flags by their first spelling, after a release's changes. */
function changed(before: ReadonlyMap<string, FlagContract>, text: string): Map<string, FlagContract> {
  const flags = new Map(before);
  for (const line of linesOf(text)) {
    if (line.startsWith('- ')) {
      if (!flags.delete(line.slice(2))) throw new Error(`a contract takes "${line.slice(2)}" away, which is not there`);
      continue;
    }
    const flag = parseLine(line.replace(/^\+ /, ''));
    flags.set(flag.names[0], flag);
  }
  return flags;
}

const byFirstName = (flags: ReadonlyMap<string, FlagContract> | null): Map<string, FlagContract> =>
  new Map([...(flags?.values() ?? [])].map((flag) => [flag.names[0], flag]));

/**
 * A release's contract: all its flags, or what it changed of the release before it.
 * @param lines by program: flags, a line each; of a later release `+` a new or changed flag, `-` one that is gone
 */
export function contractOf(lines: Lines, before?: Contract): Contract {
  const known = new Map<ToolName, ReadonlyMap<string, FlagContract> | null>();
  const read = (tool: ToolName): ReadonlyMap<string, FlagContract> | null => {
    const inherited = before?.flagsOf(tool) ?? null;
    const text = lines[tool];
    if (text === undefined) return inherited;
    const flags = changed(byFirstName(inherited), text);
    return new Map([...flags.values()].flatMap((flag) => flag.names.map((name) => [name, flag] as const)));
  };
  return {
    flagsOf(tool) {
      const found = known.get(tool);
      if (found !== undefined) return found;
      const flags = read(tool);
      known.set(tool, flags);
      return flags;
    },
  };
}
