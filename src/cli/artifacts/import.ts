import { Argument, Command } from 'commander';
import { importArtifact, importable } from '../import-artifact.js';

const notes = `
The files are copied, and pinned until \`artifacts unpin\`; a spec then names them
by their digest:

  model: { repository: local/my-llama, revision: 9c1b… }
  start: { engine: 3f2a… }

Run it where the store of the workers is (ENGINESMITH_HOME).

Examples:
  $ npx enginesmith artifacts import model /models/Llama-2-13b-chat-hf
  $ npx enginesmith artifacts import engine /models/llama2-13b/trt_engines
  $ npx enginesmith artifacts import checkpoint ./quantized_fp8_tp2 --json`;

export const importCommand = (): Command =>
  new Command('import')
    .description('Takes a model, dataset, checkpoint or engine that you have into the store.')
    .addArgument(new Argument('<kind>').choices(Object.keys(importable)))
    .argument('<directory>', 'as a Hub repository or a TensorRT-LLM tool leaves it')
    .option('--json', 'print {"kind","digest","bytes"}')
    .addHelpText('after', notes)
    .action(importArtifact);
