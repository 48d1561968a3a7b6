import { Client, Connection, type DataConverter } from '@temporalio/client';
import { loadClientConnectConfig } from '@temporalio/envconfig';
import { EnginesmithFailure } from '../contracts/failures.js';

/**
 * The one place where payloads are encoded. An installation that encrypts what Temporal stores adds its codec here, and
 * every client and worker has it.
 */
export const dataConverter: DataConverter = {};

/** Enough for a TLS handshake across an ocean; a server that is not there is reported before anybody wonders. */
const CONNECT_TIMEOUT = '5s';

/** @throws EnginesmithFailure `PrerequisiteMissing` for a profile or a certificate that is not there, or a file that is no TOML */
function loadConfig(): ReturnType<typeof loadClientConnectConfig> {
  try {
    return loadClientConnectConfig();
  } catch (cause) {
    throw new EnginesmithFailure(
      'PrerequisiteMissing',
      `How to reach Temporal cannot be read from the TEMPORAL_* variables and the configuration file: ${cause instanceof Error ? cause.message : cause}`,
      { cause },
    );
  }
}

/** Address and namespace as the `temporal` CLI reads them: `TEMPORAL_*` variables, or a profile of its configuration file. */
export const connectConfig = () => {
  const { connectionOptions, namespace } = loadConfig();
  // An empty variable is one that is not set.
  const address = connectionOptions.address || '127.0.0.1:7233';
  return { connectionOptions: { ...connectionOptions, address }, namespace: namespace || 'default' };
};

/** What is said when no server answers. */
export const unreachable = (address: string, cause: unknown): EnginesmithFailure =>
  new EnginesmithFailure(
    'PrerequisiteMissing',
    `No Temporal server answers at ${address}. Start the embedded one with \`npx enginesmith dev\`, or set TEMPORAL_ADDRESS.`,
    { cause, context: { address } },
  );

/**
 * Connects a client.
 * @param options.address of the embedded server, which is meant whatever is configured. @default what is configured
 * @throws EnginesmithFailure `PrerequisiteMissing` when no server answers
 */
export async function connectClient({ address }: { address?: string | undefined } = {}): Promise<Client> {
  const { connectionOptions, namespace } =
    address === undefined ? connectConfig() : { connectionOptions: { address }, namespace: 'default' };
  try {
    const connection = await Connection.connect({ ...connectionOptions, connectTimeout: CONNECT_TIMEOUT });
    return new Client({ connection, namespace, dataConverter });
  } catch (cause) {
    throw unreachable(connectionOptions.address, cause);
  }
}
