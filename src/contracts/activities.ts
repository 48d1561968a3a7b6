import type { AdmittedSpec } from './admitted-spec.js';
import type { Borrower, PromoteOutcome, PromoteRequest, RevisionDescription, ServedGateReport } from './deployment.js';
import type { GateSummary, ServingEndpoint } from './pipeline.js';
import type { Resumption } from './resumption.js';
import type { SmokeReport } from './smoke.js';
import type { SpecInput } from './spec.js';
import type { Location, StepOutcome, StepRequest } from './steps.js';

/** Activities that make artifacts, by name. */
export interface StepActivities {
  download(request: StepRequest): Promise<StepOutcome>;
  quantize(request: StepRequest): Promise<StepOutcome>;
  convert(request: StepRequest): Promise<StepOutcome>;
  build(request: StepRequest): Promise<StepOutcome>;
  sliceDataset(request: StepRequest): Promise<StepOutcome>;
  evaluate(request: StepRequest): Promise<StepOutcome>;
  compareEngines(request: StepRequest): Promise<StepOutcome>;
  gate(request: StepRequest): Promise<StepOutcome & { summary: GateSummary }>;
  describeServing(request: StepRequest): Promise<StepOutcome>;
}

/** Activities of a pipeline that make none. */
export interface PipelineActivities {
  admit(input: SpecInput, resumption?: Resumption): Promise<AdmittedSpec>;
  locate(request: StepRequest): Promise<Location>;
  promote(request: PromoteRequest): Promise<PromoteOutcome>;
}

/** One revision of one deployment on its host. */
export interface RevisionRequest {
  name: string;
  number: number;
  description: RevisionDescription;
}

/** Activities of a serving host. */
export interface ServeActivities {
  /**
   * Starts the revision's Triton on private ports, or adopts it where it runs already, and waits until all its models are
   * ready. `waitForGpu: false` fails with a final `NoFreeGpu` instead of waiting.
   */
  startRevision(request: RevisionRequest & { waitForGpu: boolean }): Promise<ServingEndpoint>;
  smokeTest(request: RevisionRequest & { endpoint: ServingEndpoint }): Promise<SmokeReport>;
  /**
   * Asks the served revision what its engine was asked, and compares. Fails with `ServedGateFailed` where it is worse; a
   * revision without a `servedGate` is not asked.
   */
  gateServed(request: RevisionRequest & { endpoint: ServingEndpoint }): Promise<ServedGateReport>;
  /**
   * Gives a revision the GPUs of another one on its host, which may still serve from them, and free ones where they are too
   * few: so that nobody takes them while one makes room for the other. Fails with `NoFreeGpu`, which is final unless it waits.
   */
  handGpusOver(request: RevisionRequest & { from: number; waitForGpu: boolean }): Promise<void>;
  /**
   * Ends the revision's processes and frees its GPUs. A revision that does not run is no error. One that `neverServed` has no
   * requests to finish. GPUs that are `lentTo` runs are kept for their steps, and are the revision's own when it starts again;
   * with `keepsGpus` they stay its own.
   */
  stopRevision(
    request: Pick<RevisionRequest, 'name' | 'number'> & {
      neverServed?: boolean;
      lentTo?: Borrower[];
      keepsGpus?: boolean;
    },
  ): Promise<void>;
  /** Returns when all of these runs have ended, however. As long as it waits, what the revision has lent them stays so. */
  awaitBorrowers(request: Pick<RevisionRequest, 'name' | 'number'> & { borrowers: Borrower[] }): Promise<void>;
  /** Returns when the revision's Triton has ended by itself, with the end of its log. */
  superviseRevision(request: Pick<RevisionRequest, 'name' | 'number'>): Promise<{ logTail: string }>;
}
