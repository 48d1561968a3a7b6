import { join } from 'node:path';

/** Names of the files of one run, `runs/<number>/`; job-records.ts says what they hold. */
export const runFiles = (runDirectory: string) => ({
  job: join(runDirectory, 'job.json'),
  owner: join(runDirectory, 'owner.json'),
  claim: join(runDirectory, 'claim.json'),
  tool: join(runDirectory, 'tool.json'),
  stop: join(runDirectory, 'stop.json'),
  exit: join(runDirectory, 'exit.json'),
  exitRoom: join(runDirectory, 'exit.room'),
  ledgerRoom: join(runDirectory, 'ledger.room'),
  log: join(runDirectory, 'log'),
  supervisorLog: join(runDirectory, 'supervisor.log'),
});

/** The ledger lies in the job's directory, two above a run's: it outlives the runs. */
export const ledgerFile = (jobDirectory: string) => join(jobDirectory, 'attempts.json');
