import { spawn, type ChildProcess } from 'node:child_process';

/**
 * Makes `child` end (-9) when this process does, however that comes: a run of the suites that is killed leaves nothing
 * behind. A shell waits at a pipe that the system closes with this process.
 */
export function endWithParent(child: ChildProcess): void {
  if (child.pid === undefined) return;
  const guard = spawn('sh', ['-c', 'read _; kill -9 "$1"', 'sh', String(child.pid)], {
    stdio: ['pipe', 'ignore', 'ignore'],
    // Signals of a terminal are for this process to judge.
    detached: true,
  });
  // Without a guard the child lives on where this process is killed; that is all.
  guard.on('error', () => undefined);
  guard.stdin.on('error', () => undefined);
  guard.unref();
  // The number may be another process's once the child is gone.
  child.once('exit', () => guard.kill('SIGKILL'));
}
