import { createJobRunner } from '../../../src/platform/process/job-runner.js';

/** A worker in small: owns one job, says how it ended. */
const { jobsDirectory, options } = JSON.parse(process.argv[2] ?? '{}');
try {
  const outcome = await createJobRunner({ jobsDirectory }).run(options);
  console.log(JSON.stringify({ exitCode: outcome.exitCode, adopted: outcome.adopted }));
} catch (error) {
  console.log(JSON.stringify(error instanceof Error ? { failure: 'type' in error ? error.type : error.message } : {}));
}
