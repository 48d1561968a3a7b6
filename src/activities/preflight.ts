import { log } from '@temporalio/activity';
import { EnginesmithFailure } from '../contracts/failures.js';
import { type GpuDevice, uuidOf } from '../platform/gpus/device.js';
import { runChecks } from '../preflight/check.js';
import { checks } from '../preflight/checks.js';
import type { ActivityDependencies } from './dependencies.js';

/** Somebody may be ending a stranger's process, or resetting a GPU; another host may take the step meanwhile. */
const RETRY_MS = 60_000;

/** As long, the other GPUs of the host are given first. */
const DOUBTED_MS = 30 * 60_000;

const beforeTools = checks.filter((check) => check.beforeTools);

type Checked = Pick<ActivityDependencies, 'configuration' | 'gpus' | 'leases' | 'places' | 'toolchain'>;

/**
 * Looks whether a tool could work, before it is started on devices for hours. Nothing is looked at for a tool without any.
 * @param holder that has leased them
 * @throws EnginesmithFailure `PreflightFailed` naming the checks and what to do
 */
export async function preflight(
  { configuration, gpus, leases, places, toolchain }: Checked,
  holder: string,
  devices: readonly GpuDevice[],
): Promise<void> {
  if (devices.length === 0) return;
  const report = async () => {
    const all = await leases.report();
    return { ...all, leases: all.leases.filter((lease) => lease.holder !== holder) };
  };
  const host = { configuration, places, toolchain, gpus, devices, leases: { report }, environment: process.env };
  const results = await runChecks(beforeTools, host);
  for (const { check, status, found, remedy } of results) {
    if (status === 'warn') log.warn('a check before the tool warns', { check, found, remedy });
  }
  const failed = results.filter(({ status }) => status === 'fail');
  if (failed.length === 0) return;
  const bad = devices.filter((device) =>
    failed.some(({ gpu }) => gpu !== undefined && [uuidOf(device), device.mig?.parentUuid].includes(gpu)),
  );
  if (bad.length > 0) await leases.doubt({ uuids: bad.map(uuidOf), forMs: DOUBTED_MS });
  const said = failed.map(({ check, found, remedy }) => `${check}: ${found}. ${remedy ?? ''}`.trimEnd());
  throw new EnginesmithFailure(
    'PreflightFailed',
    `The tool was not started on ${configuration.host}. ${said.join('\n')}\n\`npx enginesmith doctor\` there shows all checks.`,
    {
      nextRetryDelayMs: RETRY_MS,
      context: { host: configuration.host, checks: failed.map(({ check }) => check).join(', ') },
    },
  );
}
