export { deployment } from './deployment.js';
export { quantizeBuildDeploy } from './quantize-build-deploy.js';
