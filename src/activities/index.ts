import type { PipelineActivities, ServeActivities, StepActivities } from '../contracts/activities.js';
import { createAdmit } from './admit.js';
import { createBuild } from './build.js';
import { createCheckpoint } from './checkpoint.js';
import { createCompareEngines } from './compare-engines.js';
import type { ActivityDependencies } from './dependencies.js';
import { createDescribeServing } from './describe-serving.js';
import { createDownload } from './download.js';
import { createEvaluate } from './evaluate.js';
import { createGate } from './gate.js';
import { createLocate } from './locate.js';
import { createPromote } from './promote.js';
import { createAwaitBorrowers } from './serve/await-borrowers.js';
import { createGateServed } from './serve/gate-served.js';
import { createHandGpusOver } from './serve/hand-gpus-over.js';
import { createSmokeTest } from './serve/smoke-test.js';
import { createStartRevision } from './serve/start-revision.js';
import { createStopRevision } from './serve/stop-revision.js';
import { createSuperviseRevision } from './serve/supervise-revision.js';
import { createSliceDataset } from './slice-dataset.js';

/** Activities of the `cpu` role. */
export const createCpuActivities = (
  dependencies: ActivityDependencies,
): PipelineActivities & Pick<StepActivities, 'download' | 'convert' | 'sliceDataset' | 'gate' | 'describeServing'> => ({
  admit: createAdmit(dependencies),
  locate: createLocate(dependencies),
  download: createDownload(dependencies),
  convert: createCheckpoint(dependencies),
  sliceDataset: createSliceDataset(dependencies),
  gate: createGate(dependencies),
  describeServing: createDescribeServing(dependencies),
  promote: createPromote(dependencies),
});

/** Activities of the `gpu` role. */
export const createGpuActivities = (
  dependencies: ActivityDependencies,
): Pick<StepActivities, 'quantize' | 'build' | 'evaluate' | 'compareEngines'> => ({
  quantize: createCheckpoint(dependencies),
  build: createBuild(dependencies),
  evaluate: createEvaluate(dependencies),
  compareEngines: createCompareEngines(dependencies),
});

/** Activities of the `serve` role. */
export const createServeActivities = (dependencies: ActivityDependencies): ServeActivities => ({
  startRevision: createStartRevision(dependencies),
  smokeTest: createSmokeTest(dependencies),
  gateServed: createGateServed(dependencies),
  handGpusOver: createHandGpusOver(dependencies),
  stopRevision: createStopRevision(dependencies),
  superviseRevision: createSuperviseRevision(dependencies),
  awaitBorrowers: createAwaitBorrowers(dependencies),
});
