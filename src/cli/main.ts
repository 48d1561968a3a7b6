import { Command, CommanderError } from 'commander';
import * as z from 'zod';
import { packageVersion } from '../platform/package-version.js';
import { exitCodeOf, exitCodes } from './exit-codes.js';
import { isReaderGone } from './output.js';

/** Help and messages stay readable in the narrowest usual terminal. */
const HELP_COLUMNS = 80;

/** Every command. Its module is loaded when it is called: most need neither gRPC nor a native library. */
const commands: Record<string, { summary: string; load: () => Promise<Command> }> = {
  demo: {
    summary: 'run the whole path once, from nothing to a streaming model',
    load: async () => (await import('./demo.js')).demoCommand(),
  },
  dev: {
    summary: 'the embedded environment: Temporal, Hub mirror, evidence, worker',
    load: async () => (await import('./dev.js')).devCommand(),
  },
  validate: {
    summary: 'check a spec',
    load: async () => (await import('./validate.js')).validateCommand(),
  },
  advise: {
    summary: 'propose a spec for a model and a kind of GPU',
    load: async () => (await import('./advise.js')).adviseCommand(),
  },
  import: {
    summary: 'make specs of a shell script or page, and say what is wrong in it',
    load: async () => (await import('./import.js')).importCommand(),
  },
  plan: {
    summary: 'show what a spec would run, and what it would reuse',
    load: async () => (await import('./plan.js')).planCommand(),
  },
  why: {
    summary: 'say why a step is not reused',
    load: async () => (await import('./why.js')).whyCommand(),
  },
  run: {
    summary: 'start a pipeline, or attach to it, and follow it',
    load: async () => (await import('./run.js')).runCommand(),
  },
  resume: {
    summary: 'start a pipeline again that failed or was cancelled',
    load: async () => (await import('./resume.js')).resumeCommand(),
  },
  status: {
    summary: 'show how far a pipeline is',
    load: async () => (await import('./status.js')).statusCommand(),
  },
  logs: {
    summary: "print what a pipeline's tools printed, while they run and after",
    load: async () => (await import('./logs.js')).logsCommand(),
  },
  retry: {
    summary: 'let a parked pipeline ask the Hub again',
    load: async () => (await import('./retry.js')).retryCommand(),
  },
  evidence: {
    summary: "say where a gate's evidence can be read, or serve it",
    load: async () => (await import('./evidence.js')).evidenceCommand(),
  },
  cancel: {
    summary: 'cancel a pipeline and wait until it has ended',
    load: async () => (await import('./cancel.js')).cancelCommand(),
  },
  deployments: {
    summary: 'list what serves, and where, or show the history of one',
    load: async () => (await import('./deployments.js')).deploymentsCommand(),
  },
  rollback: {
    summary: 'bring an earlier revision of a deployment back',
    load: async () => (await import('./rollback.js')).rollbackCommand(),
  },
  stop: {
    summary: 'end what a deployment serves',
    load: async () => (await import('./stop.js')).stopCommand(),
  },
  artifacts: {
    summary: 'what is in the store and why; pin, verify, collect, import',
    load: async () => (await import('./artifacts.js')).artifactsCommand(),
  },
  gpus: {
    summary: 'show who has and who waits for the GPUs of this host',
    load: async () => (await import('./gpus.js')).gpusCommand(),
  },
  doctor: {
    summary: 'check whether this host can do the work, and say what to do',
    load: async () => (await import('./doctor.js')).doctorCommand(),
  },
  keys: {
    summary: 'make the key pair that provenance is signed with',
    load: async () => (await import('./keys.js')).keysCommand(),
  },
  schema: {
    summary: 'print the JSON Schema of a spec',
    load: async () => (await import('./schema.js')).schemaCommand(),
  },
  hub: {
    summary: 'serve a directory as a Hugging Face Hub',
    load: async () => (await import('./hub.js')).hubCommand(),
  },
};

const closing = `
First steps:
  $ npx enginesmith demo    the whole path, on this machine
  $ npx enginesmith dev     in one terminal, and then in another one:
  $ npx enginesmith run examples/smollm2-135m-fp8.yaml

Exit codes: 0 ok or deployed, 2 bad input, 3 rejected by the gate or
inconclusive, 4 failed, 130 cancelled. Every command takes --json and -h.
`;

// A command parses each kind of value once or twice: for that, compiling parsers, zod's default, takes longer than it saves.
z.config({ jitless: true });

/** Runs the CLI with the arguments after the program's name, and sets the exit code. */
export async function runCli(argv: string[]): Promise<void> {
  const words = argv.filter((argument) => !argument.startsWith('-'));
  const called = words[0] === 'help' ? words[1] : words[0];
  const program = new Command('enginesmith')
    .description('Durable quantize-build-deploy pipelines for TensorRT-LLM engines, on Temporal.')
    .version(packageVersion, '-V, --version', 'print the version')
    .addHelpText('after', closing);
  for (const [name, { summary, load }] of Object.entries(commands)) {
    program.addCommand((name === called ? await load() : new Command(name)).summary(summary));
  }
  configure(program);
  surviveLostOutput();
  try {
    await program.parseAsync(argv, { from: 'user' });
  } catch (failure) {
    process.exitCode = failure instanceof CommanderError ? usageExitCode(failure) : exitCodeOf(failure);
    if (failure instanceof CommanderError) return;
    const { reportFailure } = await import('./report-failure.js');
    reportFailure(failure, { json: argv.includes('--json') });
  }
}

/** A terminal or a pager that has gone keeps nobody from ending what was started; a result that is cut off is a failure. */
function surviveLostOutput(): void {
  process.stderr.on('error', () => {});
  process.stdout.on('error', (error) => {
    if (isReaderGone(error)) return;
    process.stderr.write(`error: the output could not be written: ${error.message}\n`);
    process.once('exit', () => {
      process.exitCode = exitCodes.failed;
    });
  });
}

/** Commander says 1 for every wrong usage, and 0 after help that was asked for. */
const usageExitCode = ({ exitCode }: CommanderError): number => (exitCode === 0 ? exitCodes.ok : exitCodes.badInput);

function configure(command: Command): void {
  command.exitOverride().showHelpAfterError('(add --help for usage and examples)');
  command.configureOutput({ getOutHelpWidth: () => HELP_COLUMNS, getErrHelpWidth: () => HELP_COLUMNS });
  for (const child of command.commands) configure(child);
}
