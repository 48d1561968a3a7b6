import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { withLock } from './lock.mjs';
import { cache, checkout, fingerprint, isDone, writeAtomically } from './places.mjs';
import { reported } from './report.mjs';
import { run } from './run.mjs';

const lock = 'test/support/s3-server/requirements.lock';

/** Where the tests find the Python environment of their S3 server. */
export const s3ServerEnvironment = join(cache, 'test-s3-server');

/** The S3 server of the tests, locked, in a Python environment of its own. */
export function installTestS3Server(python) {
  return withLock(`${s3ServerEnvironment}.lock`, async () => {
    const marker = join(s3ServerEnvironment, '.complete');
    const print = fingerprint([lock]);
    if (isDone(marker, print)) return;
    await reported('S3 server of the tests', async () => {
      rmSync(s3ServerEnvironment, { recursive: true, force: true });
      await run(python, ['-m', 'venv', s3ServerEnvironment], { label: 's3' });
      const options = ['--require-hashes', '--no-deps', '--no-input', '--progress-bar', 'off', '--quiet'];
      const pip = ['-m', 'pip', '--disable-pip-version-check', 'install', ...options, '--requirement', lock];
      await run(join(s3ServerEnvironment, 'bin/python3'), pip, { label: 's3', cwd: checkout });
      writeAtomically(marker, print);
    });
  });
}
