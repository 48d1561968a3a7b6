import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { execa } from 'execa';
import { afterAll, beforeAll, onTestFinished } from 'vitest';

const checkout = fileURLToPath(new URL('../../..', import.meta.url));
const types = join(checkout, 'node_modules/@types');
const program = 'test/platform/hub/download.program';

interface StartOptions {
  environment?: NodeJS.ProcessEnv;
  /** Largest file that the process may write. @default no limit */
  fileKibibytes?: number;
}

/**
 * Starts `download.program.ts` in processes of their own. Compiles it once for a test file, before its first test: what
 * loads TypeScript as it is takes a second in each process, and another one in each of its threads.
 */
export function compiledDownload() {
  let scratch: string;
  beforeAll(async () => {
    scratch = await mkdtemp(join(tmpdir(), 'enginesmith-hub-program-'));
    await writeFile(
      join(scratch, 'tsconfig.json'),
      JSON.stringify({
        extends: join(checkout, 'tsconfig.json'),
        compilerOptions: { noEmit: false, outDir: scratch, rootDir: checkout, typeRoots: [types] },
        include: [join(checkout, `${program}.ts`)],
      }),
    );
    await execa('npx', ['tsc', '--project', scratch], { cwd: checkout });
    await symlink(join(checkout, 'node_modules'), join(scratch, 'node_modules'));
    await writeFile(join(scratch, 'package.json'), '{"type":"module"}');
  });
  afterAll(() => rm(scratch, { recursive: true, force: true }));

  return (endpoint: string, directory: string, { environment = {}, fileKibibytes }: StartOptions = {}) => {
    const command = [process.execPath, join(scratch, `${program}.js`), endpoint, directory, 'hf_secret'];
    const limited = `ulimit -f ${fileKibibytes ?? 'unlimited'}; exec "$@"`;
    const child = spawn('bash', ['-c', limited, 'bash', ...command], { env: { ...process.env, ...environment } });
    onTestFinished(() => void child.kill('SIGKILL'));
    return child;
  };
}

export async function finish(child: ChildProcessWithoutNullStreams) {
  const [output, problems] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'close')]);
  return { output, problems, exitCode: child.exitCode };
}

/** The content of every partial file that a download into `directory` has beside it. */
export async function partialContents(directory: string): Promise<Buffer[]> {
  const names = (await readdir(`${directory}.download`).catch(() => [])).filter((name) => name.endsWith('.part'));
  return Promise.all(names.map((name) => readFile(join(`${directory}.download`, name))));
}
