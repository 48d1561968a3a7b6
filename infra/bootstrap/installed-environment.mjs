/** The environment in which the service finds what the set-up installed; what the user has set wins. */
export const installedEnvironment = ({ toolchainRoot, hubMirror, temporalServer }) => ({
  ...process.env,
  ENGINESMITH_TOOLCHAIN_ROOT: process.env.ENGINESMITH_TOOLCHAIN_ROOT || toolchainRoot,
  ENGINESMITH_HUB_MIRROR: process.env.ENGINESMITH_HUB_MIRROR || hubMirror,
  TEMPORAL_CLI_PATH: process.env.TEMPORAL_CLI_PATH || temporalServer,
});
