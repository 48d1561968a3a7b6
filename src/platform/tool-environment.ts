import type { ToolchainInstallation } from './toolchain-installation.js';

/** Variables of the worker's environment that tools may see. Everything else, tokens above all, stays with the worker. */
const INHERITED = ['HOME', 'LANG', 'LC_ALL', 'TZ', 'TMPDIR', 'SSL_CERT_FILE', 'HTTPS_PROXY', 'NO_PROXY'] as const;

/** Where a system keeps the programs that a toolchain does not bring. */
export const SYSTEM_PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

/**
 * The whole environment of a tool's process on this host.
 * @param variables what belongs to the attempt: the GPUs it may see, its private cache directories
 */
export function toolEnvironment(
  { environment }: Pick<ToolchainInstallation, 'environment'>,
  workerEnvironment: NodeJS.ProcessEnv,
  variables: Record<string, string>,
): Record<string, string> {
  const inherited = { PATH: SYSTEM_PATH, ...pickVariables(workerEnvironment, INHERITED) };
  return { ...inherited, ...toolchainVariables(environment, inherited), ...variables };
}

/** The variables that a toolchain asks for: its lists joined by colons, in front of what is there. */
export function toolchainVariables(
  environment: ToolchainInstallation['environment'],
  base: Readonly<Record<string, string>>,
): Record<string, string> {
  return Object.fromEntries(
    Object.entries(environment).map(([name, value]) => {
      const there = base[name];
      return [name, Array.isArray(value) ? [...value, ...(there === undefined ? [] : [there])].join(':') : value];
    }),
  );
}

/** Those of the named variables that are set. */
export function pickVariables(environment: NodeJS.ProcessEnv, names: readonly string[]): Record<string, string> {
  const picked: Record<string, string> = {};
  for (const name of names) {
    const value = environment[name];
    if (value !== undefined) picked[name] = value;
  }
  return picked;
}

/** An argv as the job runner takes it. @throws Error when it is empty: a mistake of ours, never of a user */
export function programAndArguments([program, ...rest]: readonly string[]): [program: string, ...rest: string[]] {
  if (program === undefined) throw new Error('an empty command line');
  return [program, ...rest];
}

/**
 * Has mpirun (Open MPI 4 and 5) keep its session in a job's own directory. Where it keeps it otherwise, the session of one that
 * was killed stays, under its pid: a later mpirun that gets this pid fails («The PMIx server's listener thread failed to start»).
 */
export const mpiSessionIn = (directory: string): Record<string, string> => ({
  OMPI_MCA_orte_tmpdir_base: directory,
  PRTE_MCA_prte_tmpdir_base: directory,
});
