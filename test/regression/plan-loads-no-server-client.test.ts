import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { execa } from 'execa';
import { expect, test } from 'vitest';
import { example, temporaryDirectory } from '../cli/cli-fixture.js';

const checkout = fileURLToPath(new URL('../..', import.meta.url));

/** A resolve hook that notes what every module is found as. */
const hooksTo = (file: string): string =>
  `import { appendFileSync } from 'node:fs';
   export async function resolve(specifier, context, next) {
     const found = await next(specifier, context);
     appendFileSync(${JSON.stringify(file)}, found.url + '\\n');
     return found;
   }`;

const asModule = (source: string): string => `data:text/javascript,${encodeURIComponent(source)}`;

// A plan took 0.9 s, most of it for loading gRPC, the Hub's clients and thread pools that it did not use.
test('a plan that asks nobody loads no client of a server, and no thread pool', async () => {
  const home = await temporaryDirectory();
  const loaded = join(home, 'loaded');
  const register = `import { register } from 'node:module'; register(${JSON.stringify(asModule(hooksTo(loaded)))});`;
  const main = pathToFileURL(join(checkout, 'src/cli/main.ts')).href;
  const program = `const { runCli } = await import(${JSON.stringify(main)}); await runCli(process.argv.slice(1));`;
  const imports = ['--import', 'tsx', '--import', asModule(register)];
  const plan = ['plan', example('smollm2-135m-fp8')];
  await execa('node', [...imports, '--input-type=module', '--eval', program, ...plan], {
    cwd: checkout,
    env: { ENGINESMITH_HOME: home, ENGINESMITH_TOOLCHAIN_ROOT: '' },
  });
  const modules = await readFile(loaded, 'utf8');
  expect(modules).toContain('/src/cli/plan.ts');
  expect(modules).not.toMatch(/node_modules\/(@temporalio|@grpc|@huggingface|undici|piscina)\//);
});
