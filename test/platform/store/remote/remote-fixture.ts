import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { afterAll, beforeAll, onTestFinished, vi } from 'vitest';
import type { ArtifactStore } from '../../../../src/platform/store/artifact-store.js';
import { openArtifactStore } from '../../../../src/platform/store/open-store.js';
import { createS3Objects } from '../../../../src/platform/store/remote/s3-objects.js';
import { bucket, startProxy, startS3Server } from '../../../support/s3-server.js';
import { temporaryDirectory } from '../store-fixture.js';

let server: Awaited<ReturnType<typeof startS3Server>>;
beforeAll(async () => {
  server = await startS3Server();
}, 60_000);
afterAll(() => server.stop());

/** A part of a bucket that nothing else uses, and hosts that have nothing in common but it. */
export async function openBucket() {
  vi.stubEnv('AWS_ACCESS_KEY_ID', 'test');
  vi.stubEnv('AWS_SECRET_ACCESS_KEY', 'test');
  vi.stubEnv('AWS_REGION', 'us-east-1');
  onTestFinished(() => void vi.unstubAllEnvs());
  const { url } = server;
  const prefix = `team/${randomUUID()}`;

  /** A host with a home of its own, which reaches the bucket through a proxy of its own. */
  const openHost = async () => {
    const proxy = await startProxy(url);
    const home = await temporaryDirectory();
    const remoteStore = { bucket, prefix, endpoint: proxy.url };
    const configuration = { home, cache: join(home, 'cache'), host: 'host-a', remoteStore };
    const open = async (): Promise<ArtifactStore> => {
      const store = await openArtifactStore(configuration);
      onTestFinished(() => store.close());
      return store;
    };
    return { home, proxy, directory: join(home, 'store'), store: await open(), reopen: open };
  };

  /** A way to the bucket, and what a worker's environment says of it. */
  const openWay = async () => {
    const proxy = await startProxy(url);
    const variables = { ENGINESMITH_REMOTE_STORE: `s3://${bucket}/${prefix}`, AWS_ENDPOINT_URL_S3: proxy.url };
    return { proxy, variables };
  };

  const objects = createS3Objects({ bucket, prefix, endpoint: url });
  onTestFinished(() => objects.close());
  return { openHost, openWay, objects };
}
