import { defineConfig } from 'vitest/config';

/** Unit tests need nothing but Node; integration, replay and end-to-end tests need what `npm run setup` installs. */
export default defineConfig({
  test: {
    testTimeout: 60_000,
    hookTimeout: 120_000,
    // Most tests wait for processes; Vitest's default would leave a core of a small machine idle.
    maxWorkers: '100%',
    projects: [
      {
        extends: true,
        test: {
          name: 'unit',
          include: ['test/**/*.test.ts'],
          exclude: ['test/{integration,replay,e2e,chaos}/**'],
        },
      },
      {
        extends: true,
        test: {
          name: 'system',
          include: ['test/{integration,replay,e2e,chaos}/**/*.test.ts'],
          fileParallelism: false,
        },
      },
    ],
  },
});
