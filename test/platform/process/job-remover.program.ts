import { createJobRunner } from '../../../src/platform/process/job-runner.js';

const [jobsDirectory = ''] = process.argv.slice(2);
await createJobRunner({ jobsDirectory }).remove('job');
