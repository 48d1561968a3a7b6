import { fileURLToPath } from 'node:url';
import { TestWorkflowEnvironment } from '@temporalio/testing';
import { bundleWorkflowCode, DefaultLogger, Runtime, type WorkflowBundleWithSourceMap } from '@temporalio/worker';
import { searchAttributes } from '../../src/contracts/search-attributes.js';
import { installation } from './product.js';

/** A real dev server of a test's own, with our search attributes, and the workflows as they are in the source. */
export async function startTemporal(): Promise<{
  environment: TestWorkflowEnvironment;
  bundle: WorkflowBundleWithSourceMap;
}> {
  const logger = new DefaultLogger('ERROR');
  Runtime.install({ logger, shutdownSignals: [] });
  const [environment, bundle] = await Promise.all([
    TestWorkflowEnvironment.createLocal({
      server: {
        executable: { type: 'existing-path', path: installation.temporalServer },
        searchAttributes: Object.values(searchAttributes),
      },
    }),
    bundleWorkflowCode({ workflowsPath: fileURLToPath(new URL('../../src/workflows', import.meta.url)), logger }),
  ]);
  return { environment, bundle };
}
