import type { ToolchainInstallation } from './toolchain-installation.js';

/** Variables of the worker's environment that tools may see. Everything else, tokens above all, stays with the worker. */
const INHERITED = ['HOME', 'LANG', 'LC_ALL', 'TZ', 'TMPDIR', 'SSL_CERT_FILE', 'HTTPS_PROXY', 'NO_PROXY'] as const;

/** Where a system keeps the programs that a toolchain does not bring. */
const SYSTEM_PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

/**
 * The whole environment of a tool's process.
 * @param variables what belongs to the attempt: the GPUs it may see, its private cache directories
 */
export function toolEnvironment(
  { environment }: Pick<ToolchainInstallation, 'environment'>,
  workerEnvironment: NodeJS.ProcessEnv,
  variables: Record<string, string>,
): Record<string, string> {
  const result: Record<string, string> = { PATH: SYSTEM_PATH };
  for (const name of INHERITED) {
    const value = workerEnvironment[name];
    if (value !== undefined) result[name] = value;
  }
  for (const [name, value] of Object.entries(environment)) {
    const inherited = result[name];
    result[name] = Array.isArray(value) ? [...value, ...(inherited === undefined ? [] : [inherited])].join(':') : value;
  }
  return { ...result, ...variables };
}

/**
 * Has mpirun (Open MPI 4 and 5) keep its session in a job's own directory. Where it keeps it otherwise, the session of one that
 * was killed stays, under its pid: a later mpirun that gets this pid fails («The PMIx server's listener thread failed to start»).
 */
export const mpiSessionIn = (directory: string): Record<string, string> => ({
  OMPI_MCA_orte_tmpdir_base: directory,
  PRTE_MCA_prte_tmpdir_base: directory,
});
