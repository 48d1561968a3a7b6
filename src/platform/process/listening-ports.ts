import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { hasCode } from '../durable-files.js';

/** State of a socket that listens, in /proc/net/tcp. */
const LISTENING = '0A';

/** Columns of /proc/net/tcp. */
const column = { localAddress: 1, state: 3, inode: 9 } as const;

/**
 * The TCP ports on which these processes listen. A port that answers proves nothing: whoever was faster there may speak the
 * same protocol. Who holds the socket is known to the kernel.
 */
export function listeningPorts(pids: readonly number[]): Set<number> {
  const held = new Set(pids.flatMap(socketInodes));
  const ports = ['/proc/net/tcp', '/proc/net/tcp6'].flatMap((table) =>
    (ifReadable(() => readFileSync(table, 'utf8')) ?? '')
      .split('\n')
      .slice(1)
      .map((line) => line.trim().split(/\s+/))
      .filter((columns) => columns[column.state] === LISTENING && held.has(columns[column.inode] ?? ''))
      .map((columns) => Number.parseInt(columns[column.localAddress]?.split(':').at(-1) ?? '', 16)),
  );
  return new Set(ports);
}

const socketInodes = (pid: number): string[] =>
  (ifReadable(() => readdirSync(`/proc/${pid}/fd`)) ?? []).flatMap((descriptor) => {
    const target = ifReadable(() => readlinkSync(`/proc/${pid}/fd/${descriptor}`)) ?? '';
    return /^socket:\[(\d+)\]$/.exec(target)?.slice(1) ?? [];
  });

/** Processes end, and close what they had, while they are looked at. */
function ifReadable<Content>(read: () => Content): Content | undefined {
  try {
    return read();
  } catch (error) {
    if (hasCode(error, 'ENOENT', 'ESRCH', 'EACCES')) return undefined;
    throw error;
  }
}
