import { createServer } from 'node:net';
import { expect, test } from 'vitest';
import { chooseAddresses } from '../../src/cli/environment/dev-addresses.js';
import { readConfiguration } from '../../src/platform/config.js';

/** The usual port of another part. */
const USUAL_OF_TEMPORAL = 7233;

const isFree = await new Promise<boolean>((resolve) => {
  const server = createServer()
    .once('error', () => resolve(false))
    .listen(USUAL_OF_TEMPORAL, '127.0.0.1', () => server.close(() => resolve(true)));
});

test.skipIf(!isFree)('a port that was asked for is not given to another part before', async () => {
  const { uiPort, temporalPort } = await chooseAddresses(readConfiguration({}), { uiPort: USUAL_OF_TEMPORAL });
  expect(uiPort).toBe(USUAL_OF_TEMPORAL);
  expect(temporalPort).not.toBe(uiPort);
});
