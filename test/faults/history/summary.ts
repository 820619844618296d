import { isExcused, overWaitMs } from './check-history.ts';
import type { ClientRequest, History } from './history.ts';

/** Summarizes a run, so that a reader can judge how much it tested. */
export function summaryOf({ requests, purges, faults, aftermath }: History): string {
  const fallbacks = requests.filter(({ outcome }) => outcome.kind === 'origin');
  const done = purges.filter((purge) => purge.done).length;
  const excused = requests.filter((request) => isExcused(request, faults)).length;
  const slowest = Math.max(...requests.map((request) => overWaitMs(request, faults) ?? 0));
  const returned = Math.max(...aftermath.served.map(({ at }) => (at ?? Infinity) - aftermath.quietAt));
  return [
    `requests: ${requests.length}, of them ${counted(requests.map(({ outcome }) => outcome.kind))}`,
    `fallbacks: ${fallbacks.length}, of them ${counted(fallbacks.map(reasonOf))}`,
    `slowest answer: ${Math.round(slowest)} ms after its wait; in time only after subtracting delays of the test process: ${excused}`,
    `purges: ${done} done, ${purges.length - done} refused or lost`,
    `faults: ${faults.length}, of them ${counted(faults.map(({ target, what }) => `${target} ${what.split(',', 1)[0] ?? what}`))}`,
    `copies: ${aftermath.copiesMade} for ${aftermath.jobsSent} jobs; uploads left open: ${aftermath.openUploads.length}`,
    `slowest recovery: ${Math.round(returned)} ms after the last fault`,
  ].join('\n');
}

function reasonOf({ outcome }: ClientRequest): string {
  return outcome.kind === 'origin' ? (/detail=(\w+)/.exec(outcome.detail)?.[1] ?? '?') : outcome.kind;
}

function counted(names: readonly string[]): string {
  const counts = new Map<string, number>();
  for (const name of names) counts.set(name, (counts.get(name) ?? 0) + 1);
  return [...counts]
    .sort(([, one], [, other]) => other - one)
    .map(([name, count]) => `${name} ${count}`)
    .join(', ');
}
