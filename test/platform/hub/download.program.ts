import { createHubClient } from '../../../src/platform/hub/hub-client.js';
import { readProxySettings } from '../../../src/platform/hub/proxy.js';

/** Downloads a model as a worker does, in a process of its own that a test may kill. Prints the result as JSON. */
const [endpoint = '', directory = '', token] = process.argv.slice(2);
const client = createHubClient({ endpoint, token, proxy: readProxySettings(process.env) });
const repository = { kind: 'model', repository: 'org/model' } as const;
const { commit } = await client.resolveRevision({ ...repository, revision: 'main' });
const files = await client.listFiles({ ...repository, commit });
process.stdout.write(JSON.stringify(await client.download({ ...repository, commit, files, directory })));
