import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { onTestFinished } from 'vitest';
import { temporaryDirectory } from './download-kit.js';

/**
 * A file system of its own, of so many KiB and files and directories, mounted where only a process sees it that ends with
 * the test, and reached through that process.
 * @returns undefined where the system lets nobody mount
 */
export async function smallDisk(size: { kibibytes: number; inodes: number }): Promise<string | undefined> {
  const mountPoint = await temporaryDirectory();
  const options = `size=${size.kibibytes}k,nr_inodes=${size.inodes}`;
  const script = 'mount -t tmpfs -o "$1" none "$2" && echo mounted && exec cat';
  const holder = spawn('unshare', ['--map-root-user', '--mount', 'bash', '-c', script, 'bash', options, mountPoint], {
    stdio: ['pipe', 'pipe', 'ignore'],
  });
  onTestFinished(() => void holder.kill('SIGKILL'));
  const mounted = await Promise.race([
    once(holder.stdout, 'data').then(() => true),
    once(holder, 'close').then(() => false),
    once(holder, 'error').then(() => false),
  ]);
  return mounted ? `/proc/${holder.pid}/root${mountPoint}` : undefined;
}
