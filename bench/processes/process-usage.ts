import { readFile, writeFile } from 'node:fs/promises';

/** Linux's unit of process times (USER_HZ): 100 ticks a second on every architecture that Node supports. */
const TICKS_PER_SECOND = 100;

/** Processor time of a process with all its threads, user and system together. */
export async function cpuSeconds(pid: number): Promise<number> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8');
  // proc_pid_stat(5): the name in parentheses may contain spaces; utime and stime are fields 14 and 15.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND;
}

/** Current resident memory, in MB (10^6 bytes). */
export async function residentMB(pid: number): Promise<number> {
  return statusMB(pid, 'VmRSS');
}

/** Peak resident memory since the start, or since {@link forgetPeak}, in MB. */
export async function peakResidentMB(pid: number): Promise<number> {
  return statusMB(pid, 'VmHWM');
}

/** proc_pid_clear_refs(5). */
export async function forgetPeak(pid: number): Promise<void> {
  await writeFile(`/proc/${pid}/clear_refs`, '5');
}

async function statusMB(pid: number, field: string): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8');
  const kilobytes = new RegExp(`^${field}:\\s+(\\d+) kB$`, 'm').exec(status)?.[1];
  if (kilobytes === undefined) throw new Error(`/proc/${pid}/status has no ${field}`);
  return (Number(kilobytes) * 1024) / 1e6;
}
