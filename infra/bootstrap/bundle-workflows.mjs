import { join, resolve } from 'node:path';
import { bundleWorkflowCode } from '@temporalio/worker';
import { checkout, writeAtomically } from './places.mjs';

/**
 * Workers load workflows from this bundle, so that they start fast and all of a release run the same code.
 *
 *     node infra/bootstrap/bundle-workflows.mjs dist
 */
const dist = resolve(process.argv[2]);

const quiet = { log() {}, trace() {}, debug() {}, info() {}, warn: console.warn, error: console.error };
const { code } = await bundleWorkflowCode({ workflowsPath: join(checkout, 'src/workflows'), logger: quiet });
writeAtomically(join(dist, 'workflow-bundle.js'), code);
