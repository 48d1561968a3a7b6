import { spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { cache, checkout } from './places.mjs';
import { report, reported, SetupError } from './report.mjs';
import { run } from './run.mjs';

/** The last release of this module that `go install` accepts: newer ones have a replace directive. Server 1.29.1, UI 2.42.1. */
const GO_MODULE = 'github.com/temporalio/cli/cmd/temporal@v1.5.1';

const DOWNLOAD_TIMEOUT_MS = 300_000;

const works = (path) => spawnSync(path, ['--version'], { stdio: 'ignore' }).status === 0;

/**
 * Temporal's dev server: TEMPORAL_CLI_PATH, `temporal` on PATH, what an earlier set-up cached, the SDK's own download, or a
 * build from the Go module.
 * @returns the path of its binary
 */
export async function findTemporalServer() {
  const configured = process.env.TEMPORAL_CLI_PATH;
  if (configured) {
    if (works(configured)) return configured;
    throw new SetupError(`TEMPORAL_CLI_PATH is ${configured}, which is not a working temporal binary`);
  }
  if (works('temporal')) return 'temporal';
  const directory = join(cache, 'temporal');
  const cached = join(directory, 'temporal');
  if (existsSync(cached) && works(cached)) return cached;
  mkdirSync(directory, { recursive: true });
  const scratch = mkdtempSync(join(directory, '.making-'));
  try {
    const made = await reported('Temporal server', async () => (await download(scratch)) ?? (await build(scratch)));
    chmodSync(made, 0o755);
    renameSync(made, cached);
  } finally {
    // Go makes its module cache read-only; here it only wrote a binary.
    rmSync(scratch, { recursive: true, force: true });
  }
  return cached;
}

async function download(scratch) {
  try {
    await run(process.execPath, [join(checkout, 'infra/bootstrap/download-temporal.mjs'), scratch], {
      label: 'download',
      quiet: true,
      timeoutMs: DOWNLOAD_TIMEOUT_MS,
    });
    const [binary] = readdirSync(scratch);
    return binary === undefined ? undefined : join(scratch, binary);
  } catch {
    report("  the SDK's download of the Temporal server is out of reach; building it with Go");
    return undefined;
  }
}

async function build(scratch) {
  if (spawnSync('go', ['version']).status !== 0) {
    throw new SetupError(
      'no Temporal server: install the temporal CLI, or Go 1.23 or newer to build it, or allow its download from temporal.download',
    );
  }
  report('  this takes some minutes, once');
  await run('go', ['install', GO_MODULE], { label: 'go', quiet: true, env: { ...process.env, GOBIN: scratch } });
  return join(scratch, 'temporal');
}
