import { setWorkflowOptions } from '@temporalio/workflow';
import { deployment } from './deployment.js';
import { quantizeBuildDeploy } from './quantize-build-deploy.js';

/** Set by a worker that has a build, before this code is loaded: Temporal refuses what follows from any other worker. */
const hasBuild = (): boolean => 'enginesmithHasBuild' in globalThis;

// Where workers name their build (ENGINESMITH_BUILD_ID), a pipeline ends on the build that it began on: it lasts hours. A
// deployment lasts for years, and goes over to each new build, whose changes it meets behind `patched`.
setWorkflowOptions(() => (hasBuild() ? { versioningBehavior: 'PINNED' } : {}), quantizeBuildDeploy);
setWorkflowOptions(() => (hasBuild() ? { versioningBehavior: 'AUTO_UPGRADE' } : {}), deployment);

export { deployment, quantizeBuildDeploy };
