import { constants } from 'node:os';
import { run } from './program.ts';

/** The time limit for cleaning up after a signal, such as removing a temporary file. */
const CLEAN_UP_LIMIT_MS = 5_000;

/** Runs one command of this process's arguments, and sets its exit status. */
export async function runCommand(): Promise<void> {
  const interruption = new AbortController();
  /** 128 plus the signal number, as shells report it. */
  let interruptedStatus = 0;

  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    // Not `once`: a terminal and a parent process may both deliver the same Ctrl-C, and without a listener the second one
    // would kill the process during the clean-up.
    process.on(signal, () => {
      if (interruption.signal.aborted) return;
      interruptedStatus = 128 + constants.signals[signal];
      setTimeout(() => process.exit(interruptedStatus), CLEAN_UP_LIMIT_MS).unref();
      interruption.abort(new Error(`interrupted by ${signal}`));
    });
  }
  let stdoutFailed = false;
  // A reader may close the pipe early (`| head`). Without a listener that would be an uncaught exception.
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    stdoutFailed = true;
    process.exitCode = 1;
    if (error.code !== 'EPIPE')
      process.stderr.write(`error: cannot write to standard output: ${error.message}\n`);
  });

  const status = await run(process.argv.slice(2), {
    env: process.env,
    // A getter, because a process that opens its standard input does not end before that does.
    get stdin() {
      return process.stdin;
    },
    stdout: process.stdout,
    stderr: process.stderr,
    signal: interruption.signal,
  });
  process.exitCode = interruptedStatus || status || (stdoutFailed ? 1 : 0);
}
