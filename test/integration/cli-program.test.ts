import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { describe, expect, it } from 'vitest';
import { findFreePorts } from '../../src/platform/free-ports.js';
import { enginesmith, example, shell, specFile, startEnginesmith, temporaryDirectory } from '../cli/cli-fixture.js';

const commands = [
  'demo',
  'dev',
  'validate',
  'plan',
  'why',
  'run',
  'resume',
  'status',
  'evidence',
  'cancel',
  'deployments',
  'stop',
  'hub',
];

describe('enginesmith', () => {
  it('lists every command in its help, within 80 columns', async () => {
    const { exitCode, stdout } = await enginesmith(['--help']);
    expect(exitCode).toBe(0);
    for (const command of commands) expect(stdout).toMatch(new RegExp(`^  ${command} `, 'm'));
    expect(Math.max(...stdout.split('\n').map((line) => line.length))).toBeLessThanOrEqual(80);
  });

  it.each(commands)('teaches %s by examples, within 80 columns', async (command) => {
    const { exitCode, stdout } = await enginesmith(
      command === 'hub' ? ['hub', 'serve', '--help'] : [command, '--help'],
    );
    expect(exitCode).toBe(0);
    expect(stdout).toContain('Examples:\n  $ ');
    expect(stdout).toContain('--json');
    expect(Math.max(...stdout.split('\n').map((line) => line.length))).toBeLessThanOrEqual(80);
  });

  it.each(['nonsense', 'plan', 'plan a b', 'validate --nonsense', 'dev --port x'])(
    'exits 2 when it is called with %j',
    async (args) => {
      const { exitCode, stdout, stderr } = await enginesmith(args.split(' '));
      expect({ exitCode, stdout }).toEqual({ exitCode: 2, stdout: '' });
      expect(stderr).toMatch(/^error: /);
    },
  );

  it('exits 2 with one message and no stack for a spec that is not valid, whatever was to be done with it', async () => {
    const file = await specFile('name: x/y\n');
    for (const command of ['validate', 'plan', 'run', 'demo']) {
      const { exitCode, stdout, stderr } = await enginesmith([command, file]);
      expect({ command, exitCode, stdout }).toEqual({ command, exitCode: 2, stdout: '' });
      expect(stderr).toContain(`error: ${file} is not a valid spec:`);
      expect(stderr).not.toContain('    at ');
    }
  });

  it('prints a failure as JSON with --json', async () => {
    const { exitCode, stdout } = await enginesmith(['validate', '--json', '/nowhere.yaml']);
    expect(exitCode).toBe(2);
    expect(JSON.parse(stdout)).toMatchObject({
      error: { type: 'InvalidSpec', message: expect.stringContaining('/nowhere.yaml') },
    });
  });

  it('exits 4 and names the way out when no Temporal server answers', async () => {
    const { exitCode, stderr } = await enginesmith(['run', example('smollm2-135m-fp8')], {
      TEMPORAL_ADDRESS: '127.0.0.1:9',
    });
    expect(exitCode).toBe(4);
    expect(stderr).toContain('No Temporal server answers at 127.0.0.1:9. Start the embedded one');
  });

  it('says what is wrong with settings of Temporal and with a home, instead of taking it for a bug', async () => {
    const file = await specFile('');
    const ofProfile = await enginesmith(['status', 'x'], { TEMPORAL_PROFILE: 'nowhere' });
    const ofHome = await enginesmith(['dev'], { ENGINESMITH_HOME: join(file, 'home') });
    for (const { exitCode, stdout, stderr } of [ofProfile, ofHome]) {
      expect({ exitCode, stdout }).toEqual({ exitCode: 4, stdout: '' });
      expect(stderr).not.toMatch(/bug| {4}at /);
    }
    expect(ofProfile.stderr).toContain('nowhere');
    expect(ofHome.stderr).toContain(file);
  });

  it('prints JSON with --json also where a command has commands below it, and where nothing else is printed', async () => {
    const [port] = await findFreePorts(1);
    const server = startEnginesmith(['evidence', 'serve', '--json', '--port', `${port}`], {
      ENGINESMITH_HOME: await temporaryDirectory(),
    });
    const [line] = await once(createInterface(server.stdout), 'line');
    server.kill('SIGTERM');
    expect(JSON.parse(line)).toEqual({ url: `http://127.0.0.1:${port}` });
    await server;
    expect((await enginesmith(['schema', '--json'])).exitCode).toBe(0);
  });

  it('fails where its output cannot be written, and says so', async () => {
    const { exitCode, stderr } = await shell('enginesmith schema > /dev/full');
    expect(exitCode).toBe(4);
    expect(stderr).toMatch(/^error: the output could not be written: .*ENOSPC/);
  });

  it('says that nothing runs when there is no environment to stop', async () => {
    const { exitCode, stdout } = await enginesmith(['dev', '--stop', '--json']);
    expect({ exitCode, stdout }).toEqual({ exitCode: 0, stdout: '{"stopped":false}' });
  });

  it('refuses to serve a directory that is not there', async () => {
    const { exitCode, stderr } = await enginesmith(['hub', 'serve', '--directory', '/nowhere']);
    expect({ exitCode, stderr }).toEqual({
      exitCode: 2,
      stderr: 'error: /nowhere is no directory: nothing can be served from it.',
    });
  });
});
