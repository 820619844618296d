/** `warning`: the mirror works, but with a disadvantage or risk. `failure`: it cannot work as configured. */
export type FindingStatus = 'ok' | 'warning' | 'failure';

/** The result of one check of `doctor`. Contains no secret, because it is printed. */
export interface Finding {
  /** The part that was checked: `entries`, `s3/us-west-1 store`, `s3/us-west-1 queue`. */
  readonly part: string;
  /** A stable snake_case name of the check, documented in docs/doctor.md. */
  readonly check: string;
  readonly status: FindingStatus;
  /** The result in one sentence. */
  readonly detail: string;
  /** What to do about it; null if nothing needs to be done. */
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
