import { spawn } from 'node:child_process';

export interface CommandOutcome {
  readonly code: number | null;
  /** The end of what it wrote to standard error. */
  readonly stderr: string;
}

const KEPT_CHARACTERS = 20_000;
const LAST_WORDS_MS = 200;

/**
 * Runs a program to its end, in a session of its own, so that what it leaves running outlives this process.
 * @throws Error with `code` `ENOENT` if there is no such program; Error if it does not end in time
 */
export async function runCommand(
  [program = '', ...args]: readonly string[],
  limitMs: number,
): Promise<CommandOutcome> {
  const child = spawn(program, args, { stdio: ['ignore', 'ignore', 'pipe'], detached: true });
  let stderr = '';
  child.stderr.on('data', (chunk: Buffer) => {
    stderr = (stderr + chunk.toString()).slice(-KEPT_CHARACTERS);
  });
  const ended = Promise.withResolvers<CommandOutcome>();
  const limit = setTimeout(() => {
    child.kill('SIGKILL');
    ended.reject(new Error(`${program} did not end within ${limitMs} ms`));
  }, limitMs);
  child.once('error', ended.reject);
  child.once('close', (code) => ended.resolve({ code, stderr }));
  // A daemon that it leaves may keep the pipe open, which would delay 'close'.
  child.once('exit', (code) => void setTimeout(() => ended.resolve({ code, stderr }), LAST_WORDS_MS));
  try {
    return await ended.promise;
  } finally {
    clearTimeout(limit);
    child.stderr.destroy();
  }
}
