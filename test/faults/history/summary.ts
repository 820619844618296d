import type { History } from './history.ts';

/** What a run consisted of, for people to judge whether it was worth something. */
export function summaryOf({ requests, purges, faults, aftermath }: History): string {
  const outcomes = counted(
    requests.map(({ outcome }) =>
      outcome.kind === 'origin'
        ? `origin (${/detail=(\w+)/.exec(outcome.detail)?.[1] ?? '?'})`
        : outcome.kind,
    ),
  );
  const kinds = counted(faults.map(({ target, what }) => `${target} ${what.split(',', 1)[0] ?? what}`));
  const done = purges.filter((purge) => purge.done).length;
  return [
    `requests: ${outcomes}`,
    `purges: ${done} done, ${purges.length - done} refused or lost`,
    `faults: ${kinds}`,
    `copies made: ${aftermath.copiesMade} for ${aftermath.jobsSent} jobs; uploads left open: ${aftermath.openUploads.length}`,
    `slowest return: ${Math.round(Math.max(...aftermath.served.map(({ at }) => (at ?? Infinity) - aftermath.quietAt)))} ms after the last fault`,
  ].join('\n');
}

function counted(names: readonly string[]): string {
  const counts = new Map<string, number>();
  for (const name of names) counts.set(name, (counts.get(name) ?? 0) + 1);
  return [...counts]
    .sort(([, one], [, other]) => other - one)
    .map(([name, count]) => `${name} ${count}`)
    .join(', ');
}
