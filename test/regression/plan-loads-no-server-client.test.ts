import { mkdir, readFile, stat, symlink, writeFile } from 'node:fs/promises';
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

/** Plans with the CLI that `main` is; the URLs of the modules that this loads. */
async function modulesOfPlan(main: string, loaders: string[] = []): Promise<string[]> {
  const home = await temporaryDirectory();
  const loaded = join(home, 'loaded');
  const register = `import { register } from 'node:module'; register(${JSON.stringify(asModule(hooksTo(loaded)))});`;
  const program = `const { runCli } = await import(${JSON.stringify(pathToFileURL(main).href)}); await runCli(process.argv.slice(1));`;
  const imports = [...loaders, asModule(register)].flatMap((module) => ['--import', module]);
  const plan = ['plan', example('smollm2-135m-fp8')];
  const { stdout } = await execa('node', [...imports, '--input-type=module', '--eval', program, ...plan], {
    cwd: checkout,
    env: { ENGINESMITH_HOME: home, ENGINESMITH_TOOLCHAIN_ROOT: '' },
  });
  expect(stdout).toContain('promote');
  return [...new Set((await readFile(loaded, 'utf8')).trimEnd().split('\n'))];
}

/** A package with nothing but the bundle of the sources. */
async function bundledPackage(): Promise<string> {
  const directory = await temporaryDirectory();
  await mkdir(join(directory, 'dist'));
  await writeFile(join(directory, 'package.json'), '{"type":"module","version":"0.0.0"}');
  await symlink(join(checkout, 'node_modules'), join(directory, 'node_modules'));
  await execa('node', ['infra/bootstrap/bundle-service.mjs', join(directory, 'dist')], { cwd: checkout });
  return directory;
}

// A plan took 0.9 s, most of it for loading gRPC, the Hub's clients and thread pools that it did not use.
test('a plan that asks nobody loads no client of a server, and no thread pool', async () => {
  const modules = (await modulesOfPlan(join(checkout, 'src/cli/main.ts'), ['tsx'])).join('\n');
  expect(modules).toContain('/src/cli/plan.ts');
  expect(modules).not.toMatch(/node_modules\/(@temporalio|@grpc|@huggingface|undici|piscina)\//);
});

// Then it took up to 0.8 s on a slow machine, most of it for loading 300 small files.
test('a bundled plan loads no package from node_modules, and few files', async () => {
  const directory = await bundledPackage();
  const files = (await modulesOfPlan(join(directory, 'dist/cli/main.js')))
    .filter((url) => url.startsWith('file:'))
    .map((url) => fileURLToPath(url));
  expect(files.filter((file) => file.includes('/node_modules/'))).toEqual([]);
  expect(files.length).toBeLessThan(60);
  const bytes = await Promise.all(files.map(async (file) => (await stat(file)).size));
  expect(bytes.reduce((sum, size) => sum + size)).toBeLessThan(1_200_000);
});
