import type { StatusReport } from '@cloud-mirror/cache-manager';
import type { Entry } from '@cloud-mirror/entry-store';
import { CommandError } from './command-interface.ts';
import { jsonObject } from './http-client.ts';
import { byteSize, printable } from './terminal-output.ts';

/**
 * Parses the reports in a response: one, or those in `regions` if the region was `all`.
 * @throws CommandError if there is no report
 */
export function statusReports(text: string): readonly StatusReport[] {
  const answer = jsonObject(text);
  const reports: unknown = answer?.['regions'] ?? [answer];
  if (Array.isArray(reports) && reports.every(isStatusReport)) return reports;
  throw new CommandError('this version does not understand the report of the mirror; use --json to see it');
}

/** Formats a report as text. Each line ends with a line break. */
export function describeStatus(report: StatusReport): string {
  const rows: [string, string][] = [
    ['url', report.url],
    ['sha256 of url', report.sha256],
    ['redirect', `${REDIRECTS[report.redirect.to]}: ${report.redirect.why}`],
  ];
  if (report.redirect.location !== null) rows.push(['location', report.redirect.location]);
  rows.push(...entryRows(report), ...objectRows(report));
  for (const { part, cause } of report.unavailable) rows.push(['unavailable', `${part}: ${cause}`]);
  const lines = rows.map(([name, value]) => `  ${name.padEnd(14)} ${printable(value)}\n`);
  return `${printable(`${report.service}/${report.region}`)}\n${lines.join('')}`;
}

const REDIRECTS: Readonly<Record<StatusReport['redirect']['to'], string>> = {
  copy: 'to the copy',
  origin: 'to the origin',
  wait: 'after the copy, which is in progress',
  origin_status: "none, the origin's error is passed on",
  refused: 'none, the request is refused',
};

function entryRows(report: StatusReport): [string, string][] {
  const { entry, ageSeconds, leaseSeconds } = report;
  if (entry === null) return [['entry', 'none']];
  const age = ageSeconds === null ? '' : `, for ${Math.round(ageSeconds)} s`;
  // For an error the lease is the time to the next attempt, which has its own row.
  const lease =
    leaseSeconds === null || entry.state === 'error' ? '' : `, ${Math.round(leaseSeconds)} s left`;
  return [['entry', `${entry.state}${age}${lease}`], ...stateRows(entry)];
}

function stateRows(entry: Entry): [string, string][] {
  switch (entry.state) {
    case 'pending':
      return [
        ['phase', `${entry.phase}, ${byteSize(entry.bytes)} so far`],
        ['failed tries', `${entry.attempts}`],
      ];
    case 'present':
      return [];
    case 'error':
      return [
        ['last error', `${entry.code}: ${entry.cause}`],
        ['failed tries', `${entry.attempts}`],
        [
          'next try',
          entry.willRetry
            ? new Date(entry.retryAt).toISOString()
            : `at the next request after ${new Date(entry.retryAt).toISOString()}`,
        ],
        ...(entry.originRetryAfterSeconds === undefined
          ? []
          : ([['Retry-After', `${entry.originRetryAfterSeconds} s, of the origin`]] satisfies [
              string,
              string,
            ][])),
        ['stack', entry.stack],
      ];
  }
}

function objectRows(report: StatusReport): [string, string][] {
  const { object, generation } = report;
  const generationRows: [string, string][] =
    generation === null || generation === '' ? [] : [['generation', `${generation} (purged before)`]];
  if (object === null) return [...generationRows, ['object', 'none']];
  return [
    ...generationRows,
    ['object', `${byteSize(object.sizeBytes)} (${object.sizeBytes} bytes)`],
    ...(report.key === null ? [] : ([['key', report.key]] satisfies [string, string][])),
    ['stored at', object.storedAt],
    ['expires at', object.expiresAt ?? 'not stated'],
    ['sha256', object.sha256 ?? 'not known'],
  ];
}

/** Checks only the fields that the formatter would fail on; the front end is trusted for the other fields. */
function isStatusReport(value: unknown): value is StatusReport {
  if (typeof value !== 'object' || value === null) return false;
  const texts: readonly string[] = ['service', 'region', 'url', 'sha256'];
  const report = value as Readonly<Record<string, unknown>>;
  const redirect = report['redirect'];
  return (
    texts.every((name) => typeof report[name] === 'string') &&
    typeof redirect === 'object' &&
    redirect !== null &&
    'to' in redirect &&
    Array.isArray(report['unavailable']) &&
    'entry' in report &&
    'object' in report
  );
}
