/** `docker run`, strictly; and the monitor of one container, which outlives the client as a container does. */
import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseGpus, parseMount, parseOptions, Refusal } from './options.mjs';
import {
  createContainer,
  findContainer,
  findImage,
  forgetContainer,
  killAll,
  recordRun,
  sendSignal,
  settings,
  updateContainer,
} from './state.mjs';

const known = {
  rm: 'switch',
  init: 'switch',
  ...Object.fromEntries(['label', 'ulimit', 'mount', 'env'].map((name) => [name, 'list'])),
  ...Object.fromEntries(
    [
      ...['pull', 'name', 'log-driver', 'stop-timeout', 'gpus', 'runtime', 'network', 'shm-size', 'user', 'workdir'],
    ].map((name) => [name, 'value']),
  ),
};

/** Places that every image has. */
const ofAnyImage = ['/usr', '/bin', '/sbin', '/lib', '/lib64', '/etc', '/dev', '/proc'];

export async function run(words) {
  const { options, rest } = parseOptions(words, known);
  const [imageName, ...command] = rest;
  const image = findImage(imageName ?? '');
  if (image === undefined) throw new Refusal(`Error response from daemon: No such image: ${imageName}`);
  const container = { ...describe(options, image, command), reference: imageName };
  recordRun(container);
  if (!createContainer(container)) {
    throw new Refusal(`Error response from daemon: Conflict. The container name "/${options.name}" is already in use.`);
  }
  const monitor = spawn(process.execPath, [fileURLToPath(import.meta.url), process.argv[2], container.name], {
    detached: true,
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  });
  // As the real client hands signals on; its init gives them to the process group when told so.
  process.on('SIGTERM', () => {
    const { pid, isGrouped } = findContainer(container.name) ?? {};
    if (pid) sendSignal(isGrouped ? -pid : pid, 'SIGTERM');
  });
  const ended = await new Promise((resolve) => monitor.once('message', resolve));
  if (ended.said !== undefined) throw new Refusal(ended.said, ended.exitCode);
  return ended.exitCode;
}

/** Checks what docker and the kernel would check, and that nothing is named that would not be inside. */
function describe(options, image, command) {
  const check = (isRight, message) => {
    if (!isRight) throw new Refusal(`Error response from daemon: ${message}`);
  };
  const mounts = options.mount.map(parseMount);
  for (const { source, target } of mounts) {
    check(
      statSync(source, { throwIfNoEntry: false }),
      `invalid mount config: bind source path does not exist: ${source}`,
    );
    check(source === target, `the stand-in mounts nothing elsewhere: ${source} at ${target}`);
  }
  check(options.pull === 'never', 'the stand-in pulls nothing: use --pull=never');
  check(options.rm && options.init && options.name, '--rm, --init and --name are expected');
  check(options.user === `${process.getuid()}:${process.getgid()}`, `--user ${options.user} is somebody else`);
  check(/^\d+[kmg]$/.test(options['shm-size'] ?? '64m'), 'invalid --shm-size');
  check(
    options.ulimit.every((limit) => /^[a-z]+=-?\d+$/.test(limit)),
    'invalid --ulimit',
  );
  check(['host', 'bridge', 'none'].includes(options.network), `network ${options.network} not found`);
  check([undefined, 'nvidia'].includes(options.runtime), `unknown or invalid runtime name: ${options.runtime}`);
  const gpus = options.gpus === undefined ? [] : parseGpus(options.gpus);
  for (const gpu of gpus)
    check(settings.gpus.includes(gpu), `nvidia-container-cli: device error: ${gpu}: unknown device`);
  const given = options.env.flatMap((variable) => {
    if (variable.includes('=')) return [variable];
    return process.env[variable] === undefined ? [] : [`${variable}=${process.env[variable]}`];
  });
  const variables = [...(image.Config.Env ?? []), ...given].map((text) => /^([^=]+)=(.*)$/s.exec(text).slice(1));
  const environment = Object.fromEntries(variables);
  const isInside = (path) =>
    ['/', '/tmp'].includes(path) ||
    [...ofAnyImage, ...image.roots, ...mounts.map(({ target }) => target)].some((root) =>
      `${path}/`.startsWith(`${root}/`),
    );
  for (const text of [options.workdir, ...command, ...Object.values(environment)]) {
    for (const path of text.split(/[=:,]/).filter((part) => /^\/(?!\/)/.test(part))) {
      check(isInside(path), `the stand-in finds ${path} below no mount and not in the image`);
    }
  }
  const isGrouped = environment.TINI_KILL_PROCESS_GROUP === '1';
  const labels = Object.fromEntries(options.label.map((label) => /^([^=]+)=(.*)$/s.exec(label).slice(1)));
  const { name, network, workdir: workingDirectory } = options;
  const id = randomBytes(32).toString('hex');
  return {
    id,
    name,
    labels,
    network,
    mounts,
    gpus,
    environment,
    isGrouped,
    workingDirectory,
    command,
  };
}

/** Names, sizes and times of all that a container may read only. */
const snapshot = (path) => {
  const entry = statSync(path, { throwIfNoEntry: false });
  if (!entry?.isDirectory()) return `${path} ${entry?.size} ${entry?.mtimeMs}`;
  return [`${path} ${entry.mtimeMs}`, ...readdirSync(path).map((name) => snapshot(join(path, name)))].join('\n');
};

async function monitor(name) {
  const container = findContainer(name);
  const { mounts, command, environment, workingDirectory } = container;
  const readable = () =>
    mounts
      .filter(({ readOnly }) => readOnly)
      .map(({ source }) => snapshot(source))
      .join('\n');
  const before = readable();
  const [program, ...rest] = command;
  const child = spawn(program, rest, {
    cwd: workingDirectory,
    env: environment,
    detached: true,
    stdio: ['ignore', 1, 2],
  });
  if (child.pid !== undefined) updateContainer({ ...container, pid: child.pid });
  const ended = await new Promise((resolve) => {
    child.once('exit', (code, signal) => resolve({ exitCode: code ?? (signal === 'SIGKILL' ? 137 : 143) }));
    child.once('error', () =>
      resolve({ exitCode: 127, said: `exec: "${program}": executable file not found in $PATH` }),
    );
  });
  if (child.pid !== undefined) await killAll(child.pid);
  if (readable() !== before) Object.assign(ended, { exitCode: 125, said: 'the tool wrote below a read-only mount' });
  forgetContainer(container);
  process.on('disconnect', () => process.exit());
  if (!process.connected) process.exit();
  process.send(ended, () => process.exit());
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await monitor(process.argv[3]);
