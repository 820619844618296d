#!/usr/bin/env node

/** A program of its own, which drains after a signal. Commands end at once. */
const SSSP = new URL('../../../services/router/src/sssp-main.ts', import.meta.url);

if (process.argv[2] === 'sssp') {
  await import(SSSP.href);
} else {
  const { runCommand } = await import('./run-command.ts');
  await runCommand();
}
