import { existsSync, realpathSync } from 'node:fs';
import { entryPoint } from './platform/entry-point.js';

export {
  createEnginesmithClient,
  type EnginesmithClient,
  type PipelineRun,
  pipelineWorkflowId,
} from './enginesmith-client.js';

/** The same file is the program `enginesmith`. */
const [, program] = process.argv;
if (program !== undefined && existsSync(program) && realpathSync(program) === entryPoint('client').filename) {
  const { runCli } = await import('./cli/main.js');
  await runCli(process.argv.slice(2));
}
