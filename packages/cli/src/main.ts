#!/usr/bin/env node
import { constants } from 'node:os';
import { run } from './program.ts';

/** What is left to do once a signal came (removing a temporary file) is short; beyond this the process just ends. */
const CLEAN_UP_LIMIT_MS = 5_000;

const interruption = new AbortController();
/** As shells tell of a signal: 128 and its number. */
let interruptedStatus = 0;

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  // Not `once`: a terminal and a parent process may both deliver the same Ctrl-C, and the second must not cut the
  // clean-up short.
  process.on(signal, () => {
    if (interruption.signal.aborted) return;
    interruptedStatus = 128 + constants.signals[signal];
    setTimeout(() => process.exit(interruptedStatus), CLEAN_UP_LIMIT_MS).unref();
    interruption.abort(new Error(`interrupted by ${signal}`));
  });
}
let stdoutFailed = false;
// A reader that has seen enough (`| head`) is no fault of ours; without a listener it would be an uncaught exception.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  stdoutFailed = true;
  process.exitCode = 1;
  if (error.code !== 'EPIPE')
    process.stderr.write(`error: cannot write to standard output: ${error.message}\n`);
});

const status = await run(process.argv.slice(2), {
  env: process.env,
  stdout: process.stdout,
  stderr: process.stderr,
  signal: interruption.signal,
});
process.exitCode = interruptedStatus || status || (stdoutFailed ? 1 : 0);
