import { type Engine, isSplitKnown, type ModelRepository, worldSizeOf } from '../course.js';
import { type Finding, finding } from '../findings.js';
import type { ProgramCall } from '../programs.js';
import { isGiven, lineOf, numberOf, type ToolCall } from '../tool-call.js';
import type { Rule } from './context.js';

const isToolCall = (launch: ToolCall | ProgramCall): launch is ToolCall => 'tool' in launch;

const mismatch = (ranks: number, engine: Engine, { line, field }: { line: number; field: string }): Finding[] =>
  ranks === worldSizeOf(engine) || !isSplitKnown(engine.checkpoint)
    ? []
    : [
        finding('world-size-mismatch', {
          line,
          field,
          message: `${ranks} ${ranks === 1 ? 'rank is' : 'ranks are'} started, and the engine of line ${engine.tool.call.line} is for ${worldSizeOf(engine)}: it fails its check of the MPI size`,
          fix: `Start as many ranks as the engine has: tensor × pipeline.`,
        }),
      ];

function launched({ engine, launches }: ModelRepository): Finding[] {
  if (engine === null) return [];
  return launches.flatMap((launch) => {
    if (isToolCall(launch)) {
      const at = { line: lineOf(launch, '--world_size'), field: '--world_size' };
      return mismatch(numberOf(launch, '--world_size') ?? 1, engine, at);
    }
    if (launch.isUnderMpi && launch.ranks === null) return [];
    return mismatch(launch.ranks ?? 1, engine, { line: launch.line, field: 'tritonserver' });
  });
}

const worldSizes: Rule = ({ course }) => [
  ...course.repositories.flatMap(launched),
  ...course.engines.flatMap((engine) =>
    engine.evaluations.flatMap(({ call }) =>
      call.isUnderMpi && call.ranks === null
        ? []
        : mismatch(call.ranks ?? 1, engine, { line: call.line, field: call.isUnderMpi ? 'mpirun -n' : 'mpirun' }),
    ),
  ),
  ...course.benchmarks.flatMap(({ tool, engine: directory }) => {
    const engine = course.engines.findLast((candidate) => candidate.directory === directory);
    if (engine === undefined || (tool.call.isUnderMpi && tool.call.ranks === null)) return [];
    return mismatch(tool.call.ranks ?? 1, engine, { line: tool.call.line, field: 'mpirun' });
  }),
];

/** Each rank has a GPU of its own. */
const visibleDevices: Rule = ({ calls }) =>
  calls.flatMap(({ ranks, visibleDevices: devices, line }) => {
    const count = devices === null || devices === '' ? null : devices.split(',').length;
    if (ranks === null || count === null || count >= ranks) return [];
    return [
      finding('ranks-above-devices', {
        line,
        field: 'CUDA_VISIBLE_DEVICES',
        message: `${ranks} ranks are started, and CUDA_VISIBLE_DEVICES=${devices} shows ${count} ${count === 1 ? 'GPU' : 'GPUs'}: each rank needs one of its own`,
        fix: `Show ${ranks} GPUs.`,
      }),
    ];
  });

const thresholds: Rule = ({ course }) =>
  course.tools.flatMap((tool) =>
    ['--tensorrt_llm_rouge1_threshold', '--tensorrt_llm_ppl_threshold']
      .filter((flag) => tool.tool === 'summarize.py' && isGiven(tool, flag) && !isGiven(tool, '--check_accuracy'))
      .map((flag) =>
        finding('threshold-without-check-accuracy', {
          line: lineOf(tool, flag),
          field: flag,
          message: `without --check_accuracy ${flag} is read and ignored: nothing can fail`,
          fix: 'Add --check_accuracy. A pipeline compares with a baseline instead of a fixed number.',
        }),
      ),
  );

/** Programs that start ranks of an engine. */
export const launchRules: readonly Rule[] = [worldSizes, visibleDevices, thresholds];
