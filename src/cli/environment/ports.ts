import { InvalidArgumentError } from 'commander';
import getPort from 'get-port';
import { EnginesmithFailure } from '../../contracts/failures.js';

/** Parses a `--port` option. */
export function port(value: string): number {
  const number = Number(value);
  if (Number.isInteger(number) && number > 0 && number < 65_536) return number;
  throw new InvalidArgumentError('expected a port, 1 to 65535.');
}

/**
 * A free port on the loopback interface.
 * @param wanted what the user asked for: another one will not do
 * @param usual taken when it is free and nothing was asked for
 * @throws EnginesmithFailure `PrerequisiteMissing` when the wanted port is taken
 */
export async function choosePort({ wanted, usual }: { wanted?: number | undefined; usual?: number }): Promise<number> {
  const preferred = wanted ?? usual;
  const chosen = await getPort({
    host: '127.0.0.1',
    reserve: true,
    ...(preferred === undefined ? {} : { port: preferred }),
  });
  if (wanted === undefined || chosen === wanted) return chosen;
  throw new EnginesmithFailure('PrerequisiteMissing', `Port ${wanted} is taken. Choose another one, or leave it out.`, {
    context: { port: wanted },
  });
}
