import type { ClientRequest, FaultSpan, History, Purge, Span, Version } from './history.ts';

/** Time that an answer may take beyond its wait, in milliseconds. */
const GRACE_MS = 1_000;
/** Time after the faults within which every object is served from its region, in milliseconds. */
const RECOVERY_MS = 60_000;
/** How long the work of a failed purge may continue after its answer, in milliseconds. */
const LATE_PURGE_MS = 20_000;
/** How long a fault may have effects after its end, in milliseconds: retries and time limits must run out. */
const LATE_FAULT_MS = 12_000;

/** @returns the broken promises, one sentence each; empty if all promises hold */
export function checkHistory(history: History): readonly string[] {
  return [
    ...history.requests.flatMap((request) => [
      ...wrongBytes(request, history.purges),
      ...purgedBytes(request, history),
      ...lateAnswer(request, history.faults),
      ...unexpectedAnswer(request, history.faults),
    ]),
    ...recovery(history),
    ...leftovers(history),
    ...copies(history),
  ];
}

/** No redirect leads to wrong, partial or missing bytes. A copy may be missing while a purge removes it. */
function wrongBytes(request: ClientRequest, purges: readonly Purge[]): string[] {
  const { outcome } = request;
  if (outcome.kind !== 'copy') return [];
  const { found } = outcome;
  switch (found.kind) {
    case 'whole':
      return found.object === request.object ? [] : [`${nameOf(request)} got the bytes of ${found.object}`];
    case 'wrong':
      return [`${nameOf(request)} got wrong bytes from ${outcome.location}: ${found.what}`];
    case 'missing': {
      const reading = { begin: request.begin, end: request.fetchedAt };
      const removed = purges.some(
        (purge) =>
          concerns(purge, request) &&
          overlap(reading, { begin: purge.begin, end: purge.done ? purge.end : purge.end + LATE_PURGE_MS }),
      );
      return removed
        ? []
        : [`${nameOf(request)} was redirected to a missing copy (${found.status}) at ${outcome.location}`];
    }
  }
}

/** No request that begins after a purge returned is redirected to bytes that were read before that purge began. */
function purgedBytes(request: ClientRequest, { purges, versions }: History): string[] {
  const { outcome } = request;
  if (outcome.kind !== 'copy' || outcome.found.kind !== 'whole') return [];
  const { object, version } = outcome.found;
  const served = versions.find((one: Version) => one.object === object && one.version === version);
  if (object !== request.object) return [];
  if (served === undefined) return [`${nameOf(request)} got version ${version}, which the origin never had`];
  const broken = purges.find(
    (purge) =>
      purge.done && concerns(purge, request) && purge.end < request.begin && served.end < purge.begin,
  );
  if (broken === undefined) return [];
  return [
    `${nameOf(request)} got version ${version}, which the origin had until ${ms(served.end)}, ` +
      `after the purge that began at ${ms(broken.begin)} and returned at ${ms(broken.end)}`,
  ];
}

/** Every request is answered within its wait plus one second, unless its front end was stopped or killed. */
function lateAnswer(request: ClientRequest, faults: readonly FaultSpan[]): string[] {
  const over = overWaitMs(request, faults);
  if (over === null || over <= GRACE_MS + request.lagMs) return [];
  return [`${nameOf(request)} was answered ${ms(over)} after its wait of ${ms(request.waitMs)}`];
}

/**
 * How long after the end of the wait the answer came, in milliseconds; `null` without an answer, or if the front end was
 * stopped or killed meanwhile.
 */
export function overWaitMs(request: ClientRequest, faults: readonly FaultSpan[]): number | null {
  if (request.outcome.kind === 'no_answer' || wasDown(request, faults)) return null;
  return request.end - request.begin - request.waitMs;
}

/** Whether an answer is in time only because the delays of the test process are subtracted. */
export function isExcused(request: ClientRequest, faults: readonly FaultSpan[]): boolean {
  return (overWaitMs(request, faults) ?? 0) > GRACE_MS && lateAnswer(request, faults).length === 0;
}

function unexpectedAnswer(request: ClientRequest, faults: readonly FaultSpan[]): string[] {
  const { outcome } = request;
  if (outcome.kind === 'unexpected') return [`${nameOf(request)} got ${outcome.what}`];
  if (outcome.kind !== 'no_answer' || wasDown(request, faults)) return [];
  return [`${nameOf(request)} got no answer (${outcome.what}) from a front end that was up`];
}

function recovery({ aftermath }: History): string[] {
  const { quietAt, served } = aftermath;
  return served.flatMap(({ object, region, at }) =>
    at !== null && at - quietAt <= RECOVERY_MS
      ? []
      : [
          `${object} in ${region} was not served from its region within ${ms(RECOVERY_MS)} after the last fault`,
        ],
  );
}

function leftovers({ aftermath, faults }: History): string[] {
  const uploads = aftermath.openUploads.filter(
    ({ begunAt }) =>
      !faults.some(
        (fault) =>
          losesUploads(fault) &&
          overlap(
            { begin: begunAt, end: begunAt + LATE_FAULT_MS },
            { begin: fault.begin, end: fault.end + LATE_FAULT_MS },
          ),
      ),
  );
  const pending = aftermath.pending.filter(({ leftMs }) => leftMs < 0 || leftMs > aftermath.longestLeaseMs);
  return [
    ...uploads.map(({ key, begunAt }) => `the upload of ${key}, begun at ${ms(begunAt)}, is still open`),
    ...pending.map(({ key, leftMs }) => `the entry ${key} is pending for ${leftMs} ms more`),
    ...aftermath.deletedByCopiers.map((key) => `a copier deleted ${key}`),
  ];
}

/**
 * Only the sweep can later abort the upload of a worker that died, or an upload whose id was lost on the network. A
 * worker that was frozen or got SIGTERM aborts its own.
 */
function losesUploads({ target, of, what }: FaultSpan): boolean {
  return (target === 'copier' && what === 'killed') || (target === 'store' && of === 'copiers');
}

/** Each requested copy is made once, and once more for each time that a fault made a worker lose it. */
function copies({ aftermath, faults }: History): string[] {
  const { copiesMade, jobsSent, concurrency } = aftermath;
  const lost =
    faults.filter(({ target }) => target !== 'front end' && target !== 'origin').length * concurrency;
  if (copiesMade <= jobsSent + lost) return [];
  return [`${copiesMade} copies were made for ${jobsSent} jobs; faults explain ${lost} more`];
}

function wasDown(request: ClientRequest, faults: readonly FaultSpan[]): boolean {
  return faults.some(
    (fault) => fault.target === 'front end' && fault.of === request.frontend && overlap(fault, request),
  );
}

function concerns(purge: Purge, request: ClientRequest): boolean {
  return purge.object === request.object && (purge.region === 'all' || purge.region === request.region);
}

function overlap(one: Span, other: Span): boolean {
  return one.begin <= other.end && other.begin <= one.end;
}

function nameOf({ object, region, frontend, begin }: ClientRequest): string {
  return `the request for ${object} in ${region} to ${frontend} at ${ms(begin)}`;
}

function ms(time: number): string {
  return `${Math.round(time)} ms`;
}
