/**
 * Stands for the docker program where there is none: parses strictly, checks what it can, and runs the command as a process of
 * this host that outlives its client. Arguments: a directory for its state, then docker's own.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { parseOptions, Refusal } from './options.mjs';
import { run } from './run.mjs';
import { findContainer, findImage, forgetContainer, killAll, listContainers, settings } from './state.mjs';

/** Docker's words, by what is wrong. */
const unreachable = {
  stopped: 'Cannot connect to the Docker daemon at unix:///var/run/docker.sock. Is the docker daemon running?',
  denied:
    'permission denied while trying to connect to the Docker daemon socket at unix:///var/run/docker.sock: ' +
    'Head "http://%2Fvar%2Frun%2Fdocker.sock/_ping": dial unix /var/run/docker.sock: connect: permission denied',
};

const commands = {
  version: () => '{"Server":{"Version":"28.2.2"}}',
  info: () =>
    JSON.stringify({
      ServerVersion: '28.2.2',
      Runtimes: Object.fromEntries((settings.runtimes ?? ['runc']).map((name) => [name, {}])),
    }),
  'image inspect': ([name]) => inspected(findImage(name), `No such image: ${name}`),
  'container inspect': ([name]) => {
    const found = findContainer(name);
    return inspected(found && { Id: found.id, State: { Pid: found.pid ?? 0 } }, `No such container: ${name}`);
  },
  ps: (words) => {
    const kinds = { all: 'switch', 'no-trunc': 'switch', filter: 'list', format: 'value' };
    const { options } = parseOptions(words, kinds);
    const wanted = options.filter.map((filter) => /^label=([^=]+)=(.*)$/.exec(filter).slice(1));
    return listContainers()
      .filter(({ labels }) => wanted.every(([label, value]) => labels[label] === value))
      .map(({ id, labels }) =>
        options.format.replace('{{.ID}}', id).replace(/\{\{\.Label "([^"]+)"\}\}/, (_, label) => labels[label] ?? ''),
      )
      .join('\n');
  },
  rm: async (words) => {
    const { options, rest } = parseOptions(words, { force: 'switch', volumes: 'switch' });
    for (const name of rest) {
      const found = findContainer(name);
      if (found === undefined) console.error(`Error response from daemon: No such container: ${name}`);
      else if (!options.force) throw new Refusal('cannot remove container: container is running', 1);
      else await remove(found);
    }
    return '';
  },
};

const inspected = (found, missing) => {
  if (found !== undefined) return JSON.stringify([found]);
  console.log('[]');
  throw new Refusal(`Error response from daemon: ${missing}`, 1);
};

/** One that is just being started has no process yet: it is waited for. Its monitor forgets it, if that still lives. */
async function remove({ name }) {
  for (let tries = 0; ; tries += 1) {
    const found = findContainer(name);
    if (found === undefined) return;
    if (found.pid !== undefined) await killAll(found.pid);
    if (tries > 100) forgetContainer(found);
    await sleep(20);
  }
}

async function main([first = '', second = '', ...rest]) {
  const failure = unreachable[settings.daemon];
  if (first === 'run') {
    if (failure !== undefined) throw new Refusal(failure);
    return run([second, ...rest]);
  }
  if (failure !== undefined) throw new Refusal(failure, 1);
  const [command, words] =
    `${first} ${second}` in commands ? [commands[`${first} ${second}`], rest] : [commands[first], [second, ...rest]];
  if (command === undefined) throw new Refusal(`docker: '${first}' is not a docker command.`, 1);
  const printed = await command(words.filter((word) => word !== ''));
  if (printed !== '') console.log(printed);
  return 0;
}

try {
  process.exit(await main(process.argv.slice(3)));
} catch (error) {
  if (!(error instanceof Refusal)) throw error;
  console.error(error.exitCode >= 125 ? `docker: ${error.message}` : error.message);
  process.exit(error.exitCode);
}
