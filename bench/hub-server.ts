import { readFile } from 'node:fs/promises';
import { startHubMirror } from '../src/platform/hub-mirror/hub-mirror.js';

/** Serves a directory as a Hub over http and over https from a process of its own, until it is killed. Prints both addresses. */
const [directory = '', certificate = '', key = ''] = process.argv.slice(2);
const tls = { cert: await readFile(certificate), key: await readFile(key) };
const http = await startHubMirror({ directory });
const https = await startHubMirror({ directory, tls });
process.stdout.write(`${JSON.stringify({ http: http.url, https: https.url })}\n`);
