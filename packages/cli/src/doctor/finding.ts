/** `warning`: the mirror works, and something is lost or will be. `failure`: it cannot do its work as configured. */
export type FindingStatus = 'ok' | 'warning' | 'failure';

/** What one check of `doctor` found out. Holds no secret: it is printed. */
export interface Finding {
  /** What was checked: `entries`, `s3/us-west-1 store`, `s3/us-west-1 queue`. */
  readonly part: string;
  /** Stable snake_case name of the check, documented in docs/doctor.md. */
  readonly check: string;
  readonly status: FindingStatus;
  /** One sentence: what was found. */
  readonly detail: string;
  /** What to do about it; `null` where nothing is to be done. */
  readonly remedy: string | null;
}

export function ok(part: string, check: string, detail: string): Finding {
  return { part, check, status: 'ok', detail, remedy: null };
}

export function warning(part: string, check: string, detail: string, remedy: string | null): Finding {
  return { part, check, status: 'warning', detail, remedy };
}

export function failure(part: string, check: string, detail: string, remedy: string): Finding {
  return { part, check, status: 'failure', detail, remedy };
}
