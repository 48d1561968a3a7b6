/** What the stand-in's daemon knows: files in one directory, so that any number of clients share it. */
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

const directory = process.argv[2];
const containersDirectory = join(directory, 'containers');
mkdirSync(containersDirectory, { recursive: true });

const fileOf = (name) => join(containersDirectory, `${name}.json`);

/** `images`: by name; `gpus`: ids that the driver knows; `daemon`: running, stopped or denied. */
export const settings = JSON.parse(readFileSync(join(directory, 'settings.json'), 'utf8'));

export function findImage(name) {
  const repository = name.replace(/@.*$/, '');
  return settings.images.find(
    (image) =>
      image.name === name ||
      image.Id === name ||
      (image.RepoDigests ?? []).some((digest) => digest === name && digest.startsWith(repository)),
  );
}

export const listContainers = () =>
  readdirSync(containersDirectory)
    .filter((file) => file.endsWith('.json'))
    .flatMap((file) => {
      const text = existsSync(join(containersDirectory, file))
        ? readFileSync(join(containersDirectory, file), 'utf8')
        : '';
      return text === '' ? [] : [JSON.parse(text)];
    });

export const findContainer = (nameOrId) =>
  listContainers().find(({ id, name }) => name === nameOrId || id === nameOrId);

/** @returns false when the name is taken */
export function createContainer(container) {
  try {
    writeFileSync(fileOf(container.name), JSON.stringify(container), { flag: 'wx' });
    return true;
  } catch (error) {
    if (error.code === 'EEXIST') return false;
    throw error;
  }
}

export function updateContainer(container) {
  const temporary = join(containersDirectory, `${container.name}.${process.pid}.tmp`);
  writeFileSync(temporary, JSON.stringify(container));
  renameSync(temporary, fileOf(container.name));
}

export const forgetContainer = ({ name }) => rmSync(fileOf(name), { force: true });

/** Every `docker run`, for tests to look at. */
export const recordRun = (run) =>
  writeFileSync(join(directory, 'runs.jsonl'), `${JSON.stringify(run)}\n`, { flag: 'a' });

/** Living processes of the session that `pid` opened: what a container is, here. */
export function processesOf(pid) {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .filter((name) => {
      const stat = readStat(name);
      const [state, , , session] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
      return Number(session) === pid && state !== 'Z' && state !== 'X';
    })
    .map(Number);
}

function readStat(pid) {
  try {
    return readFileSync(`/proc/${pid}/stat`, 'utf8');
  } catch {
    return '';
  }
}

/** As the kernel does when a container's first process is gone. */
export async function killAll(pid) {
  for (let left = processesOf(pid); left.length > 0; left = processesOf(pid)) {
    for (const process_ of left) sendSignal(process_, 'SIGKILL');
    await sleep(10);
  }
}

export function sendSignal(pid, signal) {
  try {
    process.kill(pid, signal);
  } catch (error) {
    if (error.code !== 'ESRCH') throw error;
  }
}
