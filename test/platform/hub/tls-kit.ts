import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, vi } from 'vitest';

const certificate = fileURLToPath(new URL('../../fixtures/tls/localhost.cert.pem', import.meta.url));
const key = fileURLToPath(new URL('../../fixtures/tls/localhost.key.pem', import.meta.url));

/** What a Hub on https://localhost serves with. */
export const localhostTls = { cert: await readFile(certificate), key: await readFile(key) };

/** The environment of a process that trusts it. */
export const trusting = { NODE_EXTRA_CA_CERTS: certificate };

/** For clients in this very process: it was started before it could be told whom to trust. */
export function trustEveryone(): void {
  beforeEach(() => {
    vi.stubEnv('NODE_TLS_REJECT_UNAUTHORIZED', '0');
  });
  afterEach(() => {
    vi.unstubAllEnvs();
  });
}
