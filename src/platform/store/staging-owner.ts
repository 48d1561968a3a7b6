import { randomBytes } from 'node:crypto';
import { readlinkSync } from 'node:fs';
import { hostname } from 'node:os';
import { isAlive, ownIdentity, type ProcessIdentity } from '../process/process-identity.js';

/** Who made a staging folder, told by its name: there is no moment at which the folder exists and its owner is unknown. */
interface StagingOwner {
  identity: ProcessIdentity;
  /** Workers in containers may share a host name and a boot id; process ids mean something in one namespace only. */
  processNamespace: string;
  host: string;
}

/** No attempt lasts that long; what is older belongs to a host or container that will not come back to sweep it. */
const abandonedAfterMs = 7 * 24 * 60 * 60 * 1000;

/** A name that no other folder has: `<host>_<pid>_<start time>_<boot id>_<pid namespace>_<random>`. */
export function newStagingName(): string {
  const { pid, startTimeTicks, bootId } = ownIdentity();
  return [hostname(), pid, startTimeTicks, bootId, processNamespace(), randomBytes(6).toString('hex')].join('_');
}

/**
 * Whether the owner of a staging folder is gone: its process has ended, its host has been started anew, or nobody has
 * cared for longer than any attempt takes. An owner that cannot be seen from here is given that time.
 */
export function isAbandoned({ name, modifiedAtMs }: { name: string; modifiedAtMs: number }): boolean {
  const owner = parseStagingName(name);
  const isOld = Date.now() - modifiedAtMs > abandonedAfterMs;
  if (owner?.host !== hostname()) return isOld;
  const rebooted = owner.identity.bootId !== ownIdentity().bootId;
  if (!rebooted && owner.processNamespace !== processNamespace()) return isOld;
  return !isAlive(owner.identity);
}

function parseStagingName(name: string): StagingOwner | undefined {
  const match =
    /^(?<host>.+)_(?<pid>\d+)_(?<startTimeTicks>\d+)_(?<bootId>[0-9a-f-]+)_(?<namespace>\d+)_[0-9a-f]+$/.exec(name);
  const { host, pid, startTimeTicks, bootId, namespace } = match?.groups ?? {};
  if (!host || !pid || !startTimeTicks || !bootId || !namespace) return undefined;
  return {
    host,
    processNamespace: namespace,
    identity: { pid: Number(pid), startTimeTicks: Number(startTimeTicks), bootId },
  };
}

function processNamespace(): string {
  return readlinkSync('/proc/self/ns/pid').replace(/\D/g, '');
}
