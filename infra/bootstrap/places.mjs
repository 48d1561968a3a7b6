import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, statSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

export const checkout = resolve(dirname(fileURLToPath(import.meta.url)), '../..');
export const cache = resolve(process.env.ENGINESMITH_CACHE || join(homedir(), '.cache/enginesmith'));

/** Written last by the set-up: where it put what the service needs. */
export const installationFile = join(checkout, 'dist/installation.json');

const filesBelow = (path) =>
  readdirSync(path, { withFileTypes: true }).flatMap((entry) => {
    const child = join(path, entry.name);
    if (entry.isDirectory()) return entry.name === '__pycache__' ? [] : filesBelow(child);
    return [child];
  });

/** sha256 over the names and bytes of files and of all files below directories, relative to the checkout. */
export function fingerprint(paths) {
  const hash = createHash('sha256');
  const files = paths.flatMap((path) => {
    const absolute = join(checkout, path);
    return statSync(absolute).isDirectory() ? filesBelow(absolute) : [absolute];
  });
  for (const file of files.sort()) {
    hash.update(`${file.slice(checkout.length)}\0`);
    hash.update(createHash('sha256').update(readFileSync(file)).digest());
  }
  return hash.digest('hex');
}

/** Whether `marker` says that the work for this fingerprint is done. */
export const isDone = (marker, print) => existsSync(marker) && readFileSync(marker, 'utf8') === print;

export function writeAtomically(file, text) {
  mkdirSync(dirname(file), { recursive: true });
  const temporary = `${file}.${process.pid}`;
  writeFileSync(temporary, text);
  renameSync(temporary, file);
}
