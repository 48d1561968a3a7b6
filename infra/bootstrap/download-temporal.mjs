import { TestWorkflowEnvironment } from '@temporalio/testing';

/** Has the SDK download the dev server's binary into a directory: it does so only when it starts one. */
const [downloadDir] = process.argv.slice(2);
const environment = await TestWorkflowEnvironment.createLocal({
  server: { executable: { type: 'cached-download', downloadDir } },
});
await environment.teardown();
