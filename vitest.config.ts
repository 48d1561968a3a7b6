import { defineConfig } from 'vitest/config';

/** Unit tests that simulate, fuzz, start many processes or wait for deadlines: seconds each, so `npm run check` leaves them to `npm test`. */
const slow = [
  'test/fuzz/**/*.test.ts',
  'test/gate/{degenerations,documentation,error-rates}.test.ts',
  'test/cli/{advise,artifacts,gpus,hub-check,import,import-artifact,logs,provenance,validate,why}.test.ts',
  'test/preflight/*.test.ts',
  'test/toolchains/releases.test.ts',
  'test/toolchains/advise/advise.test.ts',
  'test/platform/docker/docker-launcher.test.ts',
  'test/platform/evidence-server/*.test.ts',
  'test/platform/gpu-leases.test.ts',
  'test/platform/gpus/{inventory,quarantine}.test.ts',
  'test/platform/hub/**/*.test.ts',
  'test/platform/logs/*.test.ts',
  'test/platform/process/{job-runner,escaped-processes}.test.ts',
  'test/platform/provenance/verify-chain.test.ts',
  'test/platform/smoke/**/*.test.ts',
  'test/platform/store/{bundle,claims,collect,commit,materialize,remake}.test.ts',
  'test/platform/store/remote/**/*.test.ts',
  'test/activities/*.test.ts',
];

/** Unit tests need nothing but Node; integration, replay and end-to-end tests need what `npm run setup` installs. */
export default defineConfig({
  test: {
    testTimeout: 60_000,
    hookTimeout: 120_000,
    // Most tests wait for processes; Vitest's default would leave a core of a small machine idle.
    maxWorkers: '100%',
    // Polls look at other processes, which may not have a core at the moment.
    expect: { poll: { timeout: 30_000 } },
    projects: [
      {
        extends: true,
        test: {
          name: 'unit',
          include: ['test/**/*.test.ts'],
          exclude: ['test/{integration,replay,e2e,chaos}/**', ...slow],
        },
      },
      { extends: true, test: { name: 'slow', include: slow } },
      {
        extends: true,
        test: {
          name: 'system',
          include: ['test/{integration,replay,e2e,chaos}/**/*.test.ts'],
          fileParallelism: false,
          // Nothing here waits for a limit of its own: servers load models, and engines are built, as fast as the machine can.
          testTimeout: 240_000,
          hookTimeout: 300_000,
        },
      },
    ],
  },
});
