import * as z from 'zod';
import { parseJson } from '../parse-json.js';
import { identityOf, sessionProcesses } from '../process/process-identity.js';
import { type DockerClient, DockerError } from './docker-client.js';

/** Label of the job that a container belongs to; the others say of which home on which host. */
export const JOB_LABEL = 'enginesmith.job';

/** A container of ours, running or not. */
interface JobContainer {
  id: string;
  jobId: string;
}

/** Every container that has these labels. */
export async function listContainers(docker: DockerClient, labels: Record<string, string>): Promise<JobContainer[]> {
  const filters = Object.entries(labels).map(([label, value]) => `--filter=label=${label}=${value}`);
  const format = `--format={{.ID}} {{.Label "${JOB_LABEL}"}}`;
  const printed = await docker.run('ps', '--all', '--no-trunc', ...filters, format);
  return printed
    .split('\n')
    .map((line) => line.trim().split(' '))
    .flatMap(([id = '', jobId = '']) => (id === '' ? [] : [{ id, jobId }]));
}

/** What ends a container and removes it, running or not; there may be none. Exits 0 once there is none. */
export const removeContainerArgv = (docker: string, container: string): string[] => [
  docker,
  'rm',
  '--force',
  '--volumes',
  container,
];

const inspected = z.array(z.object({ State: z.object({ Pid: z.int() }) })).length(1);

/** The processes of a container, as this host numbers them; none when it does not run. */
export async function containerProcesses(docker: DockerClient, container: string): Promise<number[]> {
  const printed = await docker.run('container', 'inspect', container).catch((failure: unknown) => {
    if (failure instanceof DockerError && /no such container/i.test(failure.message)) return '';
    throw failure;
  });
  const pid = inspected.safeParse(parseJson(printed)).data?.[0]?.State.Pid ?? 0;
  // A container's first process opens a session, which all that it starts is in.
  const leader = pid === 0 ? undefined : identityOf(pid);
  return leader === undefined ? [] : sessionProcesses(leader);
}
