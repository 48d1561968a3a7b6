import { readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { execa } from 'execa';
import { z } from 'zod';

const checkout = fileURLToPath(new URL('../..', import.meta.url));

/** Where the set-up put what the service needs. */
export const installation = z
  .object({ toolchainRoot: z.string(), hubMirror: z.string(), temporalServer: z.string() })
  .parse(JSON.parse(readFileSync(join(checkout, 'dist/installation.json'), 'utf8')));

/** Python of the CPU toolchain's environment. */
export const toolchainPython = join(
  z
    .object({ environment: z.object({ PATH: z.array(z.string()) }) })
    .parse(JSON.parse(readFileSync(join(installation.toolchainRoot, 'toolchain.json'), 'utf8')))
    .environment.PATH.at(0) ?? '',
  'python3',
);

/** The product as its users have it: `npx enginesmith` with a home of its own. */
export interface Product {
  home: string;
  /** Runs a command to its end; never throws for its exit code. */
  run(args: string[]): Promise<{ exitCode: number | undefined; stdout: string; stderr: string }>;
  /** Ends the environment and removes the home. */
  dispose(): Promise<void>;
}

/** @param more variables beside those of the product itself */
export async function createProduct(more: Record<string, string> = {}): Promise<Product> {
  const home = await mkdtemp(join(tmpdir(), 'enginesmith-'));
  const environment = { ENGINESMITH_HOME: home, ENGINESMITH_HOST: 'test-host', NO_COLOR: '1', ...more };
  const run: Product['run'] = async (args) => {
    const result = await execa(process.execPath, [join(checkout, 'infra/bootstrap/enginesmith.mjs'), ...args], {
      cwd: checkout,
      env: environment,
      reject: false,
      timeout: 540_000,
      killSignal: 'SIGTERM',
    });
    return { exitCode: result.exitCode, stdout: result.stdout, stderr: result.stderr };
  };
  return {
    home,
    run,
    dispose: async () => {
      await run(['dev', '--stop']);
      await rm(home, { recursive: true, force: true });
    },
  };
}

/** The last line that a program wrote, parsed as JSON. */
export const lastJsonLine = <Value>(stdout: string, schema: z.ZodType<Value>): Value =>
  schema.parse(JSON.parse(stdout.trimEnd().split('\n').at(-1) ?? ''));
