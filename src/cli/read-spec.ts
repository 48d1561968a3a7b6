import { createReadStream } from 'node:fs';
import { buffer } from 'node:stream/consumers';
import { LineCounter, parseDocument } from 'yaml';
import { type AnySpec, parseAnySpec } from '../contracts/any-spec.js';
import { EnginesmithFailure } from '../contracts/failures.js';
import { printable } from '../contracts/printable.js';
import type { Spec } from '../contracts/spec.js';
import { checkAnySpec } from '../toolchains/check-any-spec.js';

/** A spec is a page of text; what is larger is some other file. Looking for keys that come twice takes their number squared. */
const MAXIMUM_BYTES = 64 * 1024;

/** How many nodes aliases may expand to, relative to their anchors: enough to share a block, too few for a bomb. */
const MAXIMUM_ALIAS_COUNT = 100;

/**
 * Reads a spec, YAML or JSON, and checks all that can be checked without a server: syntax, schema, and that its fields fit
 * each other and the toolchain.
 * @throws EnginesmithFailure `InvalidSpec` with the line, or the fields, that are wrong
 */
export async function readAnySpec(file: string, { toolchain }: ReadOptions = {}): Promise<AnySpec> {
  const value = parseYaml(await readText(file), file);
  const isMapping = typeof value === 'object' && value !== null && !Array.isArray(value);
  const spec = parseAnySpec(isMapping && toolchain !== undefined ? { ...value, toolchain } : value, file);
  checkAnySpec(spec);
  return spec;
}

export interface ReadOptions {
  /** Takes the place of the spec's. */
  toolchain?: string | undefined;
}

/**
 * Reads the spec of a pipeline that is to run.
 * @throws EnginesmithFailure as `readAnySpec`, and for a kind that is planned only
 */
export async function readSpec(file: string): Promise<Spec> {
  const spec = await readAnySpec(file);
  if (spec.kind === 'deployment') return spec;
  const problem = `is a spec of kind ${spec.kind}: this version plans it and does not run it; see it with enginesmith plan`;
  throw new EnginesmithFailure('InvalidSpec', `${file} ${problem}`, { context: { field: 'kind' } });
}

const unreadable: Record<string, string> = {
  ENOENT: 'it does not exist',
  EISDIR: 'it is a directory; name the file in it',
  EACCES: 'its permissions forbid it',
};

async function readText(file: string): Promise<string> {
  // `end` is inclusive: one byte more than allowed tells a file that is too large, however large it is.
  const content = await buffer(createReadStream(file, { end: MAXIMUM_BYTES })).catch((cause: unknown) => {
    const code = cause instanceof Error && 'code' in cause ? `${cause.code}` : '';
    throw invalid(file, `cannot be read: ${unreadable[code] ?? `${cause}`}`, cause);
  });
  if (content.length > MAXIMUM_BYTES) throw invalid(file, 'is larger than 64 KiB: it is no spec');
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(content);
  } catch (cause) {
    throw invalid(file, 'is not UTF-8 text', cause);
  }
}

function parseYaml(text: string, file: string): unknown {
  try {
    const lineCounter = new LineCounter();
    // Pretty errors quote the line, for each of perhaps thousands of errors: only the first one's place is looked up.
    const document = parseDocument(text, { lineCounter, uniqueKeys: true, prettyErrors: false });
    const problem = document.errors[0] ?? document.warnings[0];
    if (document.contents === null && problem === undefined)
      throw invalid(file, 'is empty: a spec is a mapping of fields');
    if (problem?.code === 'MULTIPLE_DOCS') throw invalid(file, 'has several YAML documents: a file holds one spec');
    if (problem !== undefined) {
      const { line, col } = lineCounter.linePos(problem.pos[0]);
      throw invalid(
        file,
        `is not YAML or JSON that can be used: ${problem.message.slice(0, 300)} at line ${line}, column ${col}`,
      );
    }
    return document.toJS({ maxAliasCount: MAXIMUM_ALIAS_COUNT });
  } catch (cause) {
    if (cause instanceof ReferenceError)
      throw invalid(file, `has YAML aliases that cannot be used: ${cause.message}`, cause);
    if (cause instanceof RangeError) throw invalid(file, 'is nested too deeply: a spec has four levels', cause);
    throw cause;
  }
}

/** A syntax error quotes the line that it is in, whatever stands there. */
const invalid = (file: string, problem: string, cause?: unknown): EnginesmithFailure =>
  new EnginesmithFailure('InvalidSpec', `${file} ${printable(problem)}`, { cause, context: { origin: file } });
