import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { bundleWorkflowCode } from '@temporalio/worker';
import { checkout } from './places.mjs';

/** Workers load workflows from this bundle, so that they start fast and all of a release run the same code. */
const quiet = { log() {}, trace() {}, debug() {}, info() {}, warn: console.warn, error: console.error };
const { code } = await bundleWorkflowCode({ workflowsPath: join(checkout, 'dist/workflows'), logger: quiet });
writeFileSync(join(checkout, 'dist/workflow-bundle.js'), code);
