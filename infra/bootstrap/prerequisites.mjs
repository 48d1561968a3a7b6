import { spawnSync } from 'node:child_process';
import { report, SetupError } from './report.mjs';

const PYTHON_CANDIDATES = ['python3', 'python3.13', 'python3.12', 'python3.11'];

/** What a Python must bring: the version, venv with pip, and the shared library that Triton's Python backend links. */
const PYTHON_PROBE = `
import ctypes, ensurepip, sys, sysconfig, venv
assert (3, 11) <= sys.version_info[:2] <= (3, 13), f"it is {sys.version.split()[0]}"
name = sysconfig.get_config_var("INSTSONAME") or ""
assert ".so" in name, "it has no shared library"
try: ctypes.CDLL(name)
except OSError: ctypes.CDLL(sysconfig.get_config_var("LIBDIR") + "/" + name)
`;

const atLeast = (version, minimum) => {
  const [major, minor] = version.split('.').map(Number);
  const [wantedMajor, wantedMinor] = minimum.split('.').map(Number);
  return major > wantedMajor || (major === wantedMajor && minor >= wantedMinor);
};

/** @throws SetupError with one line that says what to install */
export function checkPlatform() {
  if (process.platform !== 'linux' || process.arch !== 'x64') {
    throw new SetupError(
      `Linux on x86-64 is needed for the Triton binaries; this is ${process.platform} on ${process.arch}`,
    );
  }
  if (!atLeast(process.versions.node, '20.19')) {
    throw new SetupError(`Node ${process.versions.node} is too old: install Node 20.19 or newer`);
  }
  const glibc = process.report.getReport().header.glibcVersionRuntime;
  if (!glibc || !atLeast(glibc, '2.35')) {
    throw new SetupError(
      `glibc ${glibc ?? 'is absent'}: glibc 2.35 or newer is needed, as in Debian 12 or Ubuntu 22.04`,
    );
  }
}

/** The Python that runs the CPU toolchain: ENGINESMITH_PYTHON, or the first on PATH that will do. */
export function findPython() {
  const candidates = process.env.ENGINESMITH_PYTHON ? [process.env.ENGINESMITH_PYTHON] : PYTHON_CANDIDATES;
  const refusals = [];
  for (const candidate of candidates) {
    const { status, stderr, error } = spawnSync(candidate, ['-c', PYTHON_PROBE], { encoding: 'utf8' });
    if (status === 0) return candidate;
    refusals.push(`${candidate}: ${error ? 'not found' : stderr.trim().split('\n').at(-1)}`);
  }
  for (const refusal of refusals) report(`  ${refusal}`);
  throw new SetupError(
    'no usable Python: install Python 3.11, 3.12 or 3.13 with venv and its shared library, as in `apt install python3 python3-venv libpython3-dev`',
  );
}
