import { join } from 'node:path';
import { execa } from 'execa';
import { toolEnvironment } from '../src/platform/tool-environment.js';
import { readToolchainDescription } from '../src/platform/toolchain-installation.js';
import { installation } from '../test/support/product.js';

/** The small model of the set-up as an engine, and how the toolchain's programs are run. */
export interface SmallEngine {
  root: string;
  model: string;
  engine: string;
  environment: Record<string, string>;
  /** Runs a program of the toolchain, named by its path below the root, to its end; returns its stdout. */
  run(program: string, args: readonly string[]): Promise<string>;
}

/** Quantizes and builds with the toolchain's own programs, below `scratch`. */
export async function buildSmallEngine(
  scratch: string,
  { quantize, build }: { quantize: readonly string[]; build: readonly string[] },
): Promise<SmallEngine> {
  const root = installation.toolchainRoot;
  const environment = toolEnvironment(await readToolchainDescription(root), process.env, {});
  const run: SmallEngine['run'] = async (program, args) => {
    const { stdout } = await execa('python3', [join(root, program), ...args], { env: environment, extendEnv: false });
    return stdout;
  };
  const model = join(installation.hubMirror, 'models/HuggingFaceTB/SmolLM2-135M-Instruct/main');
  const [checkpoint, engine] = [join(scratch, 'checkpoint'), join(scratch, 'engine')];
  const articles = join(installation.hubMirror, 'datasets/enginesmith/cnn_dailymail/main');
  await run('opt/tensorrt_llm/examples/quantization/quantize.py', [
    ...['--model_dir', model, '--output_dir', checkpoint, '--calib_dataset', articles],
    ...quantize,
  ]);
  await run('usr/local/bin/trtllm-build', ['--checkpoint_dir', checkpoint, '--output_dir', engine, ...build]);
  return { root, model, engine, environment, run };
}

export function median(values: readonly number[]): number {
  return values.toSorted((left, right) => left - right)[Math.floor(values.length / 2)] ?? Number.NaN;
}

/** Median, and between what the values lie. */
export const spread = (values: readonly number[], digits = 0): string =>
  `${median(values).toFixed(digits)} (${Math.min(...values).toFixed(digits)}–${Math.max(...values).toFixed(digits)})`;
