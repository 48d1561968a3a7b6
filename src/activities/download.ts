import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { log } from '@temporalio/activity';
import * as z from 'zod';
import { isContentRevision } from '../contracts/artifacts.js';
import { EnginesmithFailure } from '../contracts/failures.js';
import type { StepRequest } from '../contracts/steps.js';
import type { DownloadProgress } from '../platform/hub/download.js';
import { selectDatasetFiles, selectModelFiles } from '../platform/hub/select-files.js';
import { commitAttempt } from './commit-attempt.js';
import type { ActivityDependencies } from './dependencies.js';
import { makeArtifact } from './make-artifact.js';
import { createProgressReport } from './report-progress.js';
import { collectableBytes } from './reserve-disk.js';

const parameters = z.object({ kind: z.enum(['model', 'dataset']), repository: z.string(), commit: z.string() });

/** Fetches a repository at a commit. The partial download outlives the attempt, so the next one resumes inside a file. */
export const createDownload = (dependencies: ActivityDependencies) => (request: StepRequest) =>
  makeArtifact(request, dependencies, async (context) => {
    const { plan, key, signal, assertClaim } = context;
    const { configuration, disk, hub, places, store } = dependencies;
    const startedAt = new Date().toISOString();
    const { kind, repository, commit } = parameters.parse(plan.parameters);
    if (isContentRevision(commit)) throw importedAndGone(kind, commit);
    const listed = await hub.listFiles({ kind, repository, commit, signal });
    const files = kind === 'model' ? selectModelFiles(listed) : selectDatasetFiles(listed);
    // What a killed transfer needs to go on lies beside the files; both go when the artifact is there.
    const transfer = join(places.downloads, key);
    const directory = join(transfer, 'files');
    const report = createProgressReport({ step: plan.id, host: configuration.host });
    const onProgress = ({ bytes, totalBytes }: DownloadProgress): void =>
      report({ phase: 'downloading', done: bytes, total: totalBytes, unit: 'bytes' });
    const bytes = files.reduce((sum, file) => sum + file.bytes, 0);
    const space = { id: key, step: plan.id, bytes, writesTo: transfer, into: places.store };
    const reserved = await disk.reserve(space, () => collectableBytes(dependencies));
    // Until the store has it: where it lies on another file system it is copied there.
    try {
      const knownDigests = await hub.download({ kind, repository, commit, files, directory, signal, onProgress });
      // The directory is that of the action: one who was fenced off must not move it away.
      await assertClaim();
      log.info('downloaded and verified', { repository, commit, files: files.length });
      const staging = await store.stage(plan.artifact, { from: directory });
      const environment = { HF_ENDPOINT: configuration.hub.endpoint };
      const committed = await commitAttempt(dependencies, context, staging, { startedAt, environment, knownDigests });
      await rm(transfer, { recursive: true, force: true });
      return committed;
    } finally {
      await reserved.release();
    }
  });

/** `locate` finds what was taken in: only what was removed since comes here. */
const importedAndGone = (kind: string, digest: string): EnginesmithFailure =>
  new EnginesmithFailure(
    'ArtifactCorrupt',
    `The ${kind} ${digest.slice(0, 12)} was taken into the store and is not there any more, and no Hub has it by that name: ` +
      `take it in again with \`enginesmith artifacts import ${kind} DIRECTORY\`.`,
    { context: { digest } },
  );
