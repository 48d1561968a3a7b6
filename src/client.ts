import { existsSync, realpathSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

export {
  createEnginesmithClient,
  type EnginesmithClient,
  type PipelineRun,
  pipelineWorkflowId,
} from './enginesmith-client.js';

/** The same file is the program `enginesmith`. */
const [, program] = process.argv;
if (program !== undefined && existsSync(program) && realpathSync(program) === fileURLToPath(import.meta.url)) {
  const { runCli } = await import('./cli/main.js');
  await runCli(process.argv.slice(2));
}
