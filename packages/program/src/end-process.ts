/** Calls that hold a thread of libuv, by the names that `process.getActiveResourcesInfo` gives them. */
const THREAD_CALL = /^(?:FSReq|GetAddrInfoReq|GetNameInfoReq)/;

/**
 * Ends the process with `status`, even if threads of libuv are stuck in calls to a disk that hangs.
 *
 * `process.exit` waits for these threads, so it would never return. Replacing the process by one that exits ends them
 * with everything else of the process (execve(2)).
 */
export function endProcess(status: number): never {
  if (process.execve !== undefined && process.getActiveResourcesInfo().some((name) => THREAD_CALL.test(name)))
    process.execve(process.execPath, [process.execPath, '--eval', `process.exit(${status})`], {});
  process.exit(status);
}
