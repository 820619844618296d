import type { Finding, FindingStatus } from './check-group.ts';

/** The worst status among the findings. */
export function overallStatus(findings: readonly Finding[]): FindingStatus {
  if (findings.some(({ status }) => status === 'failure')) return 'failure';
  return findings.some(({ status }) => status === 'warning') ? 'warning' : 'ok';
}

const LABELS: Readonly<Record<FindingStatus, string>> = { ok: 'ok', warning: 'WARN', failure: 'FAIL' };

/** One line per finding, with its remedy below it. */
export function textReport(findings: readonly Finding[]): string {
  const lines = findings.flatMap(({ part, check, status, detail, remedy }) => [
    `${LABELS[status].padEnd(4)}  ${part}: ${check}: ${detail}`,
    ...(remedy === null ? [] : [`      ${remedy}`]),
  ]);
  const count = (wanted: FindingStatus): number => findings.filter(({ status }) => status === wanted).length;
  return [...lines, `${count('ok')} ok, ${count('warning')} warnings, ${count('failure')} failures`, ''].join(
    '\n',
  );
}

/** `{"status": …, "findings": […]}` on one line. */
export function jsonReport(findings: readonly Finding[]): string {
  return `${JSON.stringify({ status: overallStatus(findings), findings })}\n`;
}
