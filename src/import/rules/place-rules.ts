import { posix } from 'node:path';
import { type Checkpoint, type Engine, hasSpec, isSplitKnown, type KnownCheckpoint, worldSizeOf } from '../course.js';
import { finding } from '../findings.js';
import type { ProgramCall } from '../programs.js';
import { lineOf } from '../tool-call.js';
import type { Rule } from './context.js';

const SCRATCH = /^\/(?:var\/)?tmp\/|^\/dev\/shm\//;

const sharedScratch: Rule = ({ course }) =>
  [...course.checkpoints, ...course.engines].flatMap(({ directory, tool }) =>
    SCRATCH.test(directory) && !directory.includes('$$')
      ? [
          finding('shared-scratch', {
            line: lineOf(tool, '--output_dir'),
            field: '--output_dir',
            message: `${directory} is the same place for every run on this host: two at once mix their files`,
            fix: 'Use a directory of its own for each run (mktemp -d). A pipeline does.',
          }),
        ]
      : [],
  );

/** What a directory's name says of the format in it. */
const formatNames: readonly [RegExp, (checkpoint: KnownCheckpoint) => boolean][] = [
  [
    /(?:^|[^a-z])(?:fp8|e4m3)/i,
    ({ format, kvCache }) => format === 'fp8' || format === 'w4a8_awq' || kvCache === 'fp8',
  ],
  [/int4|w4a16|(?:^|[^a-z0-9])4bit/i, ({ format }) => format.includes('int4') || format === 'w4a8_awq'],
  [/int8|w8a(?:8|16)/i, ({ format, kvCache }) => format.startsWith('int8') || kvCache === 'int8'],
  [/awq/i, ({ format }) => format.endsWith('awq')],
  [/(?:^|[^a-z])(?:fp16|f16|float16)/i, ({ format, dtype }) => format === 'none' && dtype === 'float16'],
  [/(?:^|[^a-z])(?:bf16|bfloat16)/i, ({ format, dtype }) => format === 'none' && dtype === 'bfloat16'],
];

const described = ({ format, dtype }: Checkpoint): string =>
  format === 'none' ? `unquantized ${dtype}` : (format ?? 'of an unknown format');

const misnamed: Rule = ({ course }) =>
  course.engines.flatMap((engine) => {
    const { directory, checkpoint, tool } = engine;
    const name = posix.basename(directory);
    const names = formatNames.flatMap(([pattern, holds]) => {
      if (!hasSpec(engine)) return [];
      const word = pattern.exec(name)?.[0].replace(/^[^a-z0-9]/i, '');
      return word === undefined ? [] : [{ word, isRight: holds(engine.checkpoint) }];
    });
    // `int4-fp16` is right about both: integer weights, and activations of 16 bits.
    const said = names.some(({ isRight }) => isRight) ? [] : names.map(({ word }) => word);
    const tensor = /tp(\d{1,2})(?!\d)/i.exec(name)?.[1];
    const at = { line: lineOf(tool, '--output_dir'), field: '--output_dir' };
    return [
      ...said.slice(0, 1).map((word) =>
        finding('name-says-other-format', {
          ...at,
          message: `the directory ${name} says ${word}, and the engine in it is ${described(checkpoint)}`,
          fix: 'Name it after what it holds. A pipeline keeps engines by their content.',
        }),
      ),
      ...(tensor === undefined || !isSplitKnown(checkpoint) || Number(tensor) === checkpoint.tensor
        ? []
        : [
            finding('name-says-other-parallelism', {
              ...at,
              message: `the directory ${name} says tp${tensor}, and the engine in it is for ${worldSizeOf(engine)} ranks`,
              fix: 'Name it after what it holds.',
            }),
          ]),
    ];
  });

const difference = (earlier: Engine, later: Engine): string =>
  earlier.checkpoint === later.checkpoint
    ? 'another build of the same checkpoint'
    : `${described(earlier.checkpoint)}, this one is ${described(later.checkpoint)}`;

const reusedDirectory: Rule = ({ course: { engines } }) =>
  engines.flatMap((engine, index) => {
    const earlier = engines.slice(0, index).findLast(({ directory }) => directory === engine.directory);
    if (earlier === undefined || earlier.tool.call.line === engine.tool.call.line) return [];
    return [
      finding('engine-directory-reused', {
        line: lineOf(engine.tool, '--output_dir'),
        field: '--output_dir',
        message: `line ${earlier.tool.call.line} builds another engine into ${engine.directory}: ${difference(earlier, engine)}; what serves from there changes without a word`,
        fix: 'Give each engine a directory of its own.',
      }),
    ];
  });

const TAG = /^(?:-t|--tag)(?:=(.*))?$/;
const FILE = /^(?:-f|--file)(?:=(.*))?$/;

/** Images that are built under one name from different files: what starts one later gets the last. */
const reusedTag: Rule = ({ calls }) => {
  const option = ({ arguments: words }: ProgramCall, pattern: RegExp): string | null => {
    const index = words.findIndex(({ text }) => pattern.test(text ?? ''));
    return index === -1 ? null : (pattern.exec(words[index]?.text ?? '')?.[1] ?? words[index + 1]?.text ?? null);
  };
  const builds = calls.flatMap((call) => {
    const tag = option(call, TAG);
    const isBuild = call.program === 'docker' && call.arguments.some(({ text }) => text === 'build');
    return isBuild && tag !== null ? [{ call, tag, file: option(call, FILE) ?? 'Dockerfile' }] : [];
  });
  return builds.flatMap(({ call, tag, file }, index) => {
    const earlier = builds.slice(0, index).find((build) => build.tag === tag && build.file !== file);
    if (earlier === undefined) return [];
    return [
      finding('image-tag-reused', {
        line: call.line,
        field: tag,
        message: `line ${earlier.call.line} builds ${tag} from ${earlier.file}, and this builds it again from ${file}: whoever runs ${tag} gets the one that was built last`,
        fix: 'Give each image a tag of its own.',
      }),
    ];
  });
};

/** Where things are put, and what the places are called. */
export const placeRules: readonly Rule[] = [sharedScratch, misnamed, reusedDirectory, reusedTag];
