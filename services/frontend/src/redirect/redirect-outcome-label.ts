import type { RedirectOutcome } from '@cloud-mirror/cache-manager';

/** One stable word for each outcome, for metrics and logs. */
export function redirectOutcomeLabel(outcome: RedirectOutcome): string {
  switch (outcome.kind) {
    case 'present':
      if (outcome.how === 'hit') return 'hit';
      return outcome.collapsed ? 'collapsed' : 'stored';
    case 'origin':
      return outcome.reason;
    case 'accepted':
    case 'origin_status':
    case 'origin_redirects':
    case 'not_allowed':
    case 'unknown_backend':
      return outcome.kind;
  }
}
