import { readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { converter, openHost, writeConfig, writeWeights } from './tool-host.js';

const whole = `${writeConfig()}\n${writeWeights()}`;

/** What a step whose tool does `script` fails with. */
const failureOf = async (script: string) => {
  const host = await openHost(converter(script));
  return { ...host, failure: await refused(host.convert) };
};

async function refused(act: () => Promise<unknown>): Promise<Error> {
  const failure: unknown = await act().then(
    () => 'it was not refused',
    (error: unknown) => error,
  );
  if (failure instanceof Error) return failure;
  throw new Error(`${failure}`);
}

describe('a tool that exits 0', () => {
  test.each<[string, string, RegExp]>([
    ['and writes nothing', ':', /wrote no config\.json/],
    ['and cuts off its weights', `${writeConfig()}\n${writeWeights(64)}`, /its header announces/],
    [
      'and makes another parallelism',
      writeConfig({ mapping: { world_size: 2, tp_size: 2, pp_size: 1 } }),
      /says tp 2, pp 1, world size 2; asked for were tp 1, pp 1/,
    ],
    ['and adds a link out of its directory', `${whole}\nln -s /etc "$output/extra"`, /"extra" is a symbolic link/],
  ])('%s is not believed, for good, and leaves nothing', async (_, script, message) => {
    const { failure, dependencies, left } = await failureOf(script);
    expect(failure).toMatchObject({ type: 'ToolOutputInvalid', retryable: false });
    expect(failure.message).toMatch(message);
    expect(await left(dependencies.places.scratch)).toEqual([]);
    expect(await dependencies.leases.list()).toEqual([]);
  });

  test('and prints garbage, and writes more files than it was asked for, gives an artifact and its whole log', async () => {
    const noise = `head -c 3000000 /dev/zero | tr "\\0" "y"; printf '\\n\\xff\\033[1mlast\\n'`;
    const { dependencies, convert } = await openHost(
      converter(`${noise}\n${whole}\nmkdir "$output/d"; echo x > "$output/d/notes.txt"`),
    );
    const { artifact } = await convert();
    const records = join(dependencies.places.store, 'records', artifact.digest);
    const [attempt = ''] = await readdir(records);
    expect((await stat(join(records, attempt, 'tool.log'))).size).toBeGreaterThan(3_000_000);
  });
});

describe('a tool that fails', () => {
  test('is tried once more and then no more, with the end of its log each time', async () => {
    const { convert, failure, runs } = await failureOf('seq 1000; echo "out of luck" >&2; exit 3');
    expect(failure).toMatchObject({ type: 'ToolFailed', retryable: true });
    const last = await refused(() => convert(2));
    expect(last).toMatchObject({ type: 'AttemptsExhausted', retryable: false });
    for (const { message } of [failure, last]) {
      expect(message).toMatch(/exited with code 3[\s\S]*999\n1000\nout of luck$/);
      expect(message.split('\n').length).toBeLessThanOrEqual(41);
    }
    expect(await runs()).toBe(2);
  });

  test('after 100 MB without a line end costs little memory, and its failure stays short', async () => {
    const before = process.memoryUsage().rss;
    const { failure } = await failureOf('head -c 100000000 /dev/zero | tr "\\0" "x"; exit 3');
    expect(failure).toMatchObject({ type: 'ToolFailed' });
    expect(failure.message.length).toBeLessThan(10_000);
    expect(process.memoryUsage().rss - before).toBeLessThan(150_000_000);
  });

  test('after bytes, colours, cursor movements and a token has none of them in its failure', async () => {
    const { failure } = await failureOf(
      `head -c 30000 /dev/urandom; printf '\\n\\033[31mred\\033[0m \\033[2J\\033]0;title\\007 \\xff\\xfe end\\r\\n'
       echo "401 for hf_abcdefghijklmnopqrstuvwxyz0123"; exit 1`,
    );
    expect(failure).toMatchObject({ type: 'ToolFailed' });
    expect(failure.message).toMatch(/red .* end\n401 for hf_…$/);
    // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is looked for
    expect(failure.message).not.toMatch(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/);
  });

  test('because its interpreter is missing says which, and what to set', async () => {
    const { convert } = await openHost(null);
    const failure = await refused(convert);
    expect(failure).toMatchObject({ type: 'ToolMissing', retryable: false });
    expect(failure.message).toMatch(/python3 is not an executable file .* ENGINESMITH_TOOLCHAIN_ROOT/);
  });

  test('because its script is missing says which, and is not tried again', async () => {
    const { convert, script, runs } = await openHost(converter(`echo "can't open file" >&2; exit 2`));
    await rm(script);
    const failure = await refused(convert);
    expect(failure).toMatchObject({ type: 'ToolMissing', retryable: false });
    expect(failure.message).toContain(`${script} is not there. Point ENGINESMITH_TOOLCHAIN_ROOT`);
    expect(await runs()).toBe(1);
  });
});

describe('a tool whose failure is known', () => {
  test('is not run again where it would fail again, and says what to do in its first line', async () => {
    const { failure, runs } = await failureOf(
      'echo "torch.cuda.OutOfMemoryError: CUDA out of memory. Tried to allocate 514.00 MiB." >&2; exit 1',
    );
    expect(failure).toMatchObject({
      type: 'GpuOutOfMemory',
      retryable: false,
      context: { signature: 'gpu-out-of-memory', step: 'baseline-checkpoint', failures: 1, exitCode: 1 },
    });
    const [first = ''] = failure.message.split('\n');
    expect(first).toMatch(
      /^convert \(baseline-checkpoint\) ran out of GPU memory: .*Tried to allocate.*build\.maxBatchSize/,
    );
    expect(await runs()).toBe(1);
  });

  test('is tried once more where that may help, and keeps its type', async () => {
    const host = await failureOf('echo "$output/rank0.safetensors: write error: No space left on device" >&2; exit 1');
    // Temporal does not answer here, so nothing is removed.
    expect(host.failure).toMatchObject({ type: 'InsufficientDisk', retryable: true, context: { freedBytes: null } });
    const last = await refused(() => host.convert(2));
    expect(last).toMatchObject({ type: 'InsufficientDisk', retryable: false });
    expect(last.message).toMatch(/^It failed 2 times\./);
  });

  test('by a SIGKILL that the kernel did not count as want of memory is tried once more', async () => {
    const { failure } = await failureOf('kill -KILL $$');
    expect(failure).toMatchObject({ type: 'ToolFailed', retryable: true, context: { signal: 'SIGKILL' } });
  });

  test('shows no secret of the line that names it', async () => {
    const { failure } = await failureOf(
      'echo "ModuleNotFoundError: No module named \'hf_abcdefghijklmnopqrstuvwxyz012345\'"; exit 1',
    );
    expect(failure).toMatchObject({ type: 'ToolchainBroken' });
    expect(JSON.stringify([failure.message, failure])).not.toContain('hf_abcdefghij');
  });
});
