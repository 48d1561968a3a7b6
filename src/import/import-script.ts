import { specSchemas } from '../contracts/any-spec.js';
import { EnginesmithFailure } from '../contracts/failures.js';
import type { ReleaseNumber } from '../toolchains/contracts/contracts.js';
import { releases } from '../toolchains/releases.js';
import { type BenchmarkRun, type Course, type Engine, hasSpec, type KnownEngine } from './course.js';
import { type Finding, finding, sortedFindings } from './findings.js';
import { followCourse } from './follow.js';
import { hubRepositories } from './hub-repositories.js';
import { inferRelease } from './infer-release.js';
import { lintDraft } from './lint-draft.js';
import { readPage } from './page.js';
import { releaseOf } from './page-release.js';
import { programOf } from './programs.js';
import { rules } from './rules/rules.js';
import { readCommands } from './shell/read-commands.js';
import { draftBenchmark } from './specs/benchmark.js';
import { type Drafted, draftDeployment } from './specs/deployment.js';
import type { SpecDraft } from './specs/draft.js';
import type { SpecContext } from './specs/engine-fields.js';
import { distinct } from './specs/names.js';
import { renderSpec } from './specs/render.js';
import { draftVisionLanguage } from './specs/vision-language.js';

interface ImportedSpec {
  name: string;
  /** Of the command that it comes from. */
  line: number;
  yaml: string;
}

export interface Import {
  specs: readonly ImportedSpec[];
  findings: readonly Finding[];
  /** Commands of TensorRT-LLM that were recognised. */
  recognised: number;
}

/** Each of them is looked at beside all others, and nobody reads more findings. */
const MAXIMUM_CALLS = 500;

/** The toolchain of NVIDIA's programs of a release. */
const toolchainOf = (release: ReleaseNumber): string =>
  releases.find((row) => row.release === release && row.name.startsWith('trtllm-'))?.name ?? 'trtllm-0.10';

const isAsked = (engine: KnownEngine): engine is KnownEngine & { question: NonNullable<Engine['question']> } =>
  engine.question !== null;

function byEngine(runs: readonly BenchmarkRun[]): BenchmarkRun[][] {
  const groups = new Map<string, BenchmarkRun[]>();
  for (const run of runs) groups.set(run.engine, [...(groups.get(run.engine) ?? []), run]);
  return [...groups.values()];
}

const draftAll = (course: Course, context: SpecContext): Drafted[] => [
  ...course.engines
    .filter(hasSpec)
    .map((engine) =>
      isAsked(engine) ? draftVisionLanguage(engine, course.visionBuilds, context) : draftDeployment(engine, context),
    ),
  ...byEngine(course.benchmarks).map((runs) => draftBenchmark(runs, course, context)),
];

/** Two engines of one kind differ in an option: what asks for Hopper says so in its name. */
function named(drafts: readonly SpecDraft[]): SpecDraft[] {
  const counts = (name: string): number => drafts.filter(({ value }) => value.name === name).length;
  const names = drafts.map(({ value: { name, build } }) => {
    const isHoppers = typeof build === 'object' && 'fp8ContextFmha' in build && build.fp8ContextFmha === true;
    return counts(name) > 1 && isHoppers ? `${name}-hopper` : name;
  });
  return distinct(names).map((name, index) => {
    const draft = drafts[index];
    if (draft === undefined) throw new Error('a draft has no name');
    return { ...draft, value: { ...draft.value, name } };
  });
}

/** A value that a script says may be one that no spec can say; what is a spec may be one that no toolchain can build. */
function checkDraft(draft: SpecDraft): { isSpec: boolean; problems: Finding[] } {
  const { kind, value, line } = draft;
  const parsed = specSchemas[kind].safeParse(value);
  if (parsed.success) return { isSpec: true, problems: lintDraft(draft, parsed.data) };
  const problems = parsed.error.issues.slice(0, 8).map(({ path, message }) =>
    finding('not-a-spec', {
      line,
      field: path.join('.'),
      message: `there is no spec for this: ${path.join('.')} ${message}`,
      fix: 'Correct the value in the script.',
    }),
  );
  return { isSpec: false, problems };
}

/**
 * Reads a shell script or a Markdown page with shell in it, and makes a spec of each pipeline. Nothing is run.
 * @param text of the script, its line ends `\n`
 * @param origin what the script is called in the specs
 */
export function importScript(text: string, { kind, origin }: { kind: 'script' | 'markdown'; origin: string }): Import {
  const page = readPage(text, kind);
  const reading = readCommands(page, (command) => programOf(command) !== null);
  const calls = reading.commands.flatMap((command) => programOf(command) ?? []);
  const beyond = calls[MAXIMUM_CALLS];
  if (beyond !== undefined) {
    throw new EnginesmithFailure(
      'InvalidSpec',
      `line ${beyond.line}: more than ${MAXIMUM_CALLS} commands of TensorRT-LLM and Triton by here; import a part of it`,
      { context: { line: beyond.line } },
    );
  }
  const stated = inferRelease(calls, releaseOf(page));
  const course = followCourse(calls, stated.release);
  const context = {
    page,
    toolchain: toolchainOf(stated.release),
    release: stated.release,
    hub: hubRepositories(page, calls),
  };
  const drafted = draftAll(course, context);
  const drafts = named(drafted.flatMap(({ draft }) => draft ?? []));
  const found = rules.flatMap((rule) => rule({ page, stated, reading, calls, course }));
  const checked = drafts.map((draft) => ({ draft, ...checkDraft(draft) }));
  const specs = checked.filter(({ isSpec }) => isSpec).map(({ draft }) => draft);
  return {
    specs: specs.map((draft) => ({ name: draft.value.name, line: draft.line, yaml: renderSpec(draft, origin) })),
    findings: sortedFindings([
      ...found,
      ...drafted.flatMap(({ findings }) => findings),
      ...checked.flatMap(({ problems }) => problems),
    ]),
    recognised: course.tools.length,
  };
}
