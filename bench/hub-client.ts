/** Downloads every file of a model as a worker does, in a process of its own. Prints the seconds from the first request to the end. */
const [module = '', endpoint = '', name = '', directory = ''] = process.argv.slice(2);
const { createHubClient }: typeof import('../src/platform/hub/hub-client.js') = await import(module);
const startedAt = performance.now();
const client = createHubClient({ endpoint });
const repository = { kind: 'model', repository: name } as const;
const { commit } = await client.resolveRevision({ ...repository, revision: 'main' });
const files = await client.listFiles({ ...repository, commit });
await client.download({ ...repository, commit, files, directory });
process.stdout.write(`${JSON.stringify({ seconds: (performance.now() - startedAt) / 1000 })}\n`);
