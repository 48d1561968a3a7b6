import { DefaultLogger, type LogLevel, Runtime } from '@temporalio/worker';
import { pino } from 'pino';
import type { Configuration } from './config.js';

/** Upper edges, in milliseconds, that tell a download from an hour-long build. */
const ACTIVITY_LATENCY_BUCKETS_MS = [
  100, 1_000, 5_000, 15_000, 60_000, 300_000, 1_200_000, 3_600_000, 14_400_000, 43_200_000,
];

const temporalLevels = { debug: 'DEBUG', info: 'INFO', warn: 'WARN', error: 'ERROR' } as const satisfies Record<
  string,
  LogLevel
>;

/**
 * Routes the SDK's logs through pino, one JSON object a line on stderr, and serves Prometheus metrics where an address is
 * set. Once per process, before any connection.
 */
export function installTelemetry({ logLevel, metricsAddress, host }: Configuration): pino.Logger {
  const logger = pino({ level: logLevel, base: { host } }, pino.destination({ dest: 2, sync: true }));
  const levels = { TRACE: 'trace', DEBUG: 'debug', INFO: 'info', WARN: 'warn', ERROR: 'error' } as const;
  Runtime.install({
    // The process that hosts a worker decides when it ends; see worker.ts.
    shutdownSignals: [],
    logger: new DefaultLogger(temporalLevels[logLevel], ({ level, message, meta }) => {
      const { taskToken: _, ...attributes } = meta ?? {};
      logger[levels[level]](attributes, message);
    }),
    telemetryOptions: {
      logging: { forward: {}, filter: { core: 'WARN', other: 'ERROR' } },
      ...(metricsAddress === undefined
        ? {}
        : {
            metrics: {
              prometheus: {
                bindAddress: metricsAddress,
                countersTotalSuffix: true,
                unitSuffix: true,
                histogramBucketOverrides: { activity_execution_latency: ACTIVITY_LATENCY_BUCKETS_MS },
              },
            },
          }),
    },
  });
  return logger;
}
