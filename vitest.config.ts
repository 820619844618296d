import { defineConfig } from 'vitest/config';

/**
 * `unit` needs nothing installed; `contract` runs every port's suite against its real adapters;
 * `e2e` spawns the real programs. The last two get their servers from packages/testing/src/global-setup.ts.
 */
export default defineConfig({
  test: {
    // Servers and processes are real: give a loaded two-core machine room, no test asserts on speed.
    testTimeout: 30_000,
    hookTimeout: 60_000,
    // The tests wait more than they work: one worker, the default on two cores, leaves the machine idle.
    maxWorkers: 3,
    // A limit for what never comes; vitest's own is one second.
    expect: { poll: { timeout: 20_000 } },
    // Shared machines of continuous integration stall for seconds now and then. A test that fails twice has failed, and
    // one that fails here at all is seen on a developer's machine, where nothing is repeated.
    retry: process.env.CI === 'true' ? 1 : 0,
    projects: [
      {
        extends: true,
        test: {
          name: 'unit',
          include: [
            'packages/*/test/**/*.test.ts',
            'services/*/test/**/*.test.ts',
            'test/documents/**/*.test.ts',
            'test/deploy/**/*.test.ts',
          ],
          exclude: ['**/*.contract.test.ts', '**/node_modules/**'],
        },
      },
      {
        extends: true,
        test: {
          name: 'contract',
          include: ['packages/*/test/**/*.contract.test.ts'],
          globalSetup: ['packages/testing/src/global-setup.ts'],
        },
      },
      {
        extends: true,
        test: {
          name: 'e2e',
          include: ['test/e2e/**/*.test.ts'],
          globalSetup: ['packages/testing/src/global-setup.ts'],
          testTimeout: 120_000,
          hookTimeout: 120_000,
        },
      },
      {
        extends: true,
        test: {
          name: 'hostile',
          include: ['test/hostile/**/*.test.ts'],
        },
      },
      {
        extends: true,
        test: {
          name: 'faults',
          include: ['test/faults/**/*.test.ts'],
          // Long ones run by `npm run test:faults`.
          exclude: process.env.TEST_FAULTS === 'all' ? [] : ['test/faults/long/**'],
          globalSetup: ['packages/testing/src/global-setup.ts'],
          testTimeout: 120_000,
          hookTimeout: 120_000,
        },
      },
    ],
  },
});
