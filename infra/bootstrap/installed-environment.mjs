/** The environment in which the service finds what the set-up installed; what the user has set wins. */
export function installedEnvironment({ toolchainRoot, hubMirror, temporalServer }) {
  const installed = {
    ENGINESMITH_TOOLCHAIN_ROOT: toolchainRoot,
    ENGINESMITH_HUB_MIRROR: hubMirror,
    TEMPORAL_CLI_PATH: temporalServer,
  };
  const missing = Object.entries(installed).filter(([name, path]) => path !== undefined && !process.env[name]);
  return { ...process.env, ...Object.fromEntries(missing) };
}
