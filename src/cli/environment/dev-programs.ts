import { join } from 'node:path';
import { searchAttributes } from '../../contracts/search-attributes.js';
import type { Configuration } from '../../platform/config.js';
import { entryPoint } from '../../platform/entry-point.js';
import type { DevAddresses } from './dev-addresses.js';

/** A program of the embedded environment: what is started, and in which environment. */
export interface DevProgram {
  argv: string[];
  environment: NodeJS.ProcessEnv;
}

/** Search attribute types as `temporal server start-dev --search-attribute` spells them. */
const attributeTypes: Record<string, string> = { KEYWORD: 'Keyword', INT: 'Int', TEXT: 'Text' };

/** What a program of others needs of our environment; no token is among it. */
const plainEnvironment = (names: string[] = []): NodeJS.ProcessEnv =>
  Object.fromEntries(
    ['PATH', 'HOME', 'TMPDIR', 'LANG', 'TZ', ...names].flatMap((name) => {
      const value = process.env[name];
      return value === undefined ? [] : [[name, value]];
    }),
  );

/** What the embedded Temporal of a home keeps its state in. */
export const embeddedDatabase = (home: string): string => join(home, 'temporal.db');

/** Temporal's dev server, with its state in the home. */
export function temporalProgram(
  { home, temporalProgram: binary }: Configuration,
  { temporalPort, uiPort }: DevAddresses,
): DevProgram {
  const attributes = Object.values(searchAttributes).flatMap(({ name, type }) => [
    '--search-attribute',
    `${name}=${attributeTypes[type] ?? type}`,
  ]);
  return {
    argv: [
      ...[binary, 'server', 'start-dev', '--ip', '127.0.0.1', '--port', `${temporalPort}`, '--ui-port', `${uiPort}`],
      ...['--db-filename', embeddedDatabase(home), '--log-level', 'error', '--color', 'never'],
      ...attributes,
    ],
    environment: plainEnvironment(),
  };
}

/** The Hub mirror, as `hub serve` runs it. */
export const hubProgram = (directory: string, port: number): DevProgram => ({
  argv: [...ownProgram('client'), 'hub', 'serve', '--directory', directory, '--port', `${port}`],
  environment: plainEnvironment(['ENGINESMITH_HUB_TOKENS']),
});

/** The evidence server, as `evidence serve` runs it. */
export const evidenceProgram = ({ home, cache, host }: Configuration, { evidencePort }: DevAddresses): DevProgram => ({
  argv: [...ownProgram('client'), 'evidence', 'serve', '--port', `${evidencePort}`],
  environment: {
    ...plainEnvironment(),
    ENGINESMITH_HOME: home,
    ENGINESMITH_CACHE: cache,
    ENGINESMITH_HOST: host,
  },
});

/** A worker with every role. Whatever Temporal the user has configured, it is the embedded one that it works for. */
export function workerProgram(
  { home, cache, host }: Configuration,
  { temporalAddress, hubEndpoint, metricsAddress, evidenceUrl }: DevAddresses,
): DevProgram {
  const others = Object.entries(process.env).filter(([name]) => !name.startsWith('TEMPORAL_'));
  return {
    argv: ownProgram('worker'),
    environment: {
      ...Object.fromEntries(others),
      ENGINESMITH_HOME: home,
      ENGINESMITH_CACHE: cache,
      ENGINESMITH_HOST: host,
      ENGINESMITH_ROLES: 'orchestrator,cpu,gpu,serve',
      // Nobody would tell its server which build is the current one.
      ENGINESMITH_BUILD_ID: '',
      ENGINESMITH_METRICS_ADDRESS: metricsAddress,
      ENGINESMITH_EVIDENCE_URL: evidenceUrl,
      HF_ENDPOINT: hubEndpoint,
      TEMPORAL_ADDRESS: temporalAddress,
      TEMPORAL_NAMESPACE: 'default',
      // No such file: none of the profiles that the user has for other servers.
      TEMPORAL_CONFIG_FILE: join(home, 'temporal.toml'),
    },
  };
}

/** How a program of ours is run, compiled or from source. */
export function ownProgram(name: 'client' | 'worker'): string[] {
  const { filename, execArgv } = entryPoint(name);
  return [process.execPath, ...execArgv, filename];
}
