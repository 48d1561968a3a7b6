/** Root causes stand above the stack dumps of all ranks that follow them. */
const MAXIMUM_LINES = 400;

/** A progress bar that was never ended by a newline is one line of megabytes. */
const MAXIMUM_CHARACTERS = 2_000;

/**
 * What loggers put before a message: time, program, level, rank, source file. Each alternative begins with a character of its
 * own or is as long as it says, so that no line takes more than one pass.
 */
const PREFIXES = [
  String.raw`\[\d\d/\d\d/\d{4}-[\d:]{5,8}\] ?`,
  String.raw`\[(?:TRT|TRT-LLM|TensorRT-LLM)\] ?`,
  String.raw`\[(?:[FEWIV]|ERROR|WARNING|INFO|DEBUG)\] ?`,
  String.raw`\[rank\d{1,5}\]: ?`,
  String.raw`\[\d{1,3},\d{1,5}\]<std(?:err|out)>: ?`,
  String.raw`\d{1,2}: (?=\[)`,
  String.raw`\[\w{1,80}\.cpp::~?\w{1,80}::\d{1,6}\] ?`,
  String.raw`[FEWI]\d{4} \d\d:\d\d:\d\d\.\d{6,9} {1,4}\d{1,8} \w{1,80}\.cc:\d{1,6}\] ?"?`,
  'terminate called after throwing an instance of ',
  String.raw`what\(\): {1,4}`,
  String.raw`(?:RuntimeError|tensorrt_llm::common::TllmException): (?=\[TensorRT-LLM\])`,
];

const PREFIX = new RegExp(`^\\s{0,20}(?:${PREFIXES.join('|')}){0,12}`);

/** A level below an error, as the loggers of TensorRT-LLM, of TensorRT and of Triton write it. */
const MERELY_SAID = /\[(?:[WIV]|WARNING|INFO|DEBUG)\]|^\s*[WI]\d{4} \d\d:/;

/** TensorRT times tactics: it calls one for which there is no memory an error, skips it, and takes another. */
const NO_MEMORY_FOR_TACTIC = /Error Code \d+: (?:OutOfMemory \(|Cuda Runtime \(out of memory\))/;
const SKIPPED = /[Ss]kipping tactic \d+ due to insufficient memory/;

/** How many lines TensorRT says of one tactic. */
const LINES_OF_TACTIC = 5;

/** The end of a tool's output, line by line, without what loggers put before them, and without what is no error. */
export const errorLines = (log: string): string[] =>
  readLines(log).flatMap(({ line, isOfTactic }) => (isOfTactic ? [] : line));

/** Those that say that there was no memory for a tactic: an error only where nothing else was. */
export const tacticLines = (log: string): string[] =>
  readLines(log).flatMap(({ line, isOfTactic }) => (isOfTactic ? line : []));

function readLines(log: string): { line: string; isOfTactic: boolean }[] {
  const ends = log.split('\n').slice(-MAXIMUM_LINES);
  const texts = ends.map((text) => text.slice(0, MAXIMUM_CHARACTERS).trimEnd());
  return texts.flatMap((text, index) => {
    const [prefix = ''] = PREFIX.exec(text) ?? [];
    if (MERELY_SAID.test(prefix)) return [];
    const after = texts.slice(index + 1, index + LINES_OF_TACTIC);
    const isOfTactic = NO_MEMORY_FOR_TACTIC.test(text) && after.some((later) => SKIPPED.test(later));
    return [{ line: text.slice(prefix.length), isOfTactic }];
  });
}
