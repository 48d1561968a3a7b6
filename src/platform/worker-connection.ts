import { NativeConnection } from '@temporalio/worker';
import { connectConfig, unreachable } from './connection.js';

/**
 * Connects a worker. Apart from the client's connection, because its native library takes half a second to load.
 * @throws EnginesmithFailure `PrerequisiteMissing` when no server answers
 */
export async function connectWorker(): Promise<{ connection: NativeConnection; namespace: string }> {
  const { connectionOptions, namespace } = connectConfig();
  try {
    return { connection: await NativeConnection.connect(connectionOptions), namespace };
  } catch (cause) {
    throw unreachable(connectionOptions.address, cause);
  }
}
