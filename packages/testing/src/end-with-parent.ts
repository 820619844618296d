import { spawn, type ChildProcess } from 'node:child_process';

/**
 * Kills `child` when this process ends for any reason, so that a killed test run leaves no processes behind. A shell
 * waits for the end of a pipe, which the operating system closes with this process.
 */
export function endWithParent(child: ChildProcess): void {
  if (child.pid === undefined) return;
  const guard = spawn('sh', ['-c', 'read _; kill -9 "$1"', 'sh', String(child.pid)], {
    stdio: ['pipe', 'ignore', 'ignore'],
    // Signals from the terminal must reach only this process, which decides what to do.
    detached: true,
  });
  // Without the guard, the child merely survives if this process is killed.
  guard.on('error', () => undefined);
  guard.stdin.on('error', () => undefined);
  guard.unref();
  // After the child has exited, its pid may belong to another process.
  child.once('exit', () => guard.kill('SIGKILL'));
}
