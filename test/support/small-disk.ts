import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { open, rm, statfs } from 'node:fs/promises';
import { join } from 'node:path';

/** A file system of its own at a path, which only those see who are started with `argvPrefix`. */
export interface SmallDisk {
  /** Runs a program where the disk is mounted. */
  argvPrefix: string[];
  /** A path on it, for those who are elsewhere. */
  view(path: string): string;
  /** Takes all that is free. @returns bytes */
  fill(): Promise<number>;
  /** Gives it back. */
  free(): Promise<void>;
  close(): void;
}

const CHUNK_BYTES = 1024 * 1024;

/**
 * Mounts a tmpfs in a user and mount namespace, which needs no privileges where the system lets users make namespaces.
 * @returns undefined where it lets nobody
 */
export async function mountSmallDisk(mountPoint: string, { mebibytes }: { mebibytes: number }) {
  const script = 'mount -t tmpfs -o "size=$1m" none "$2" && echo mounted && exec cat';
  const holder = spawn(
    'unshare',
    ['--map-root-user', '--mount', 'bash', '-c', script, 'bash', `${mebibytes}`, mountPoint],
    { stdio: ['pipe', 'pipe', 'ignore'] },
  );
  const mounted = await Promise.race([
    once(holder.stdout, 'data').then(() => true),
    once(holder, 'close').then(() => false),
    once(holder, 'error').then(() => false),
  ]);
  if (!mounted) return undefined;
  const view = (path: string): string => `/proc/${holder.pid}/root${path}`;
  const filler = view(join(mountPoint, 'filler'));
  const disk: SmallDisk = {
    argvPrefix: ['nsenter', `--target=${holder.pid}`, '--user', '--mount', '--preserve-credentials'],
    view,
    async fill() {
      const file = await open(filler, 'a');
      let bytes = 0;
      try {
        for (let size = CHUNK_BYTES; size >= 1; ) {
          const written = await file.write(Buffer.alloc(size)).then(
            ({ bytesWritten }) => bytesWritten,
            () => 0,
          );
          bytes += written;
          if (written < size) size = Math.floor(size / 2);
        }
      } finally {
        await file.close();
      }
      const { bavail } = await statfs(view(mountPoint));
      if (bavail > 0) throw new Error(`${bavail} blocks of the small disk are still free`);
      return bytes;
    },
    free: () => rm(filler, { force: true }),
    close: () => void holder.kill('SIGKILL'),
  };
  return disk;
}
