import type { Adapters, Config } from '@cloud-mirror/mirror';
import type { Backend } from '@cloud-mirror/mirrored-objects';

export interface CheckContext {
  readonly config: Config;
  readonly adapters: Adapters;
  /** Aborted when the command is interrupted or takes too long. */
  readonly signal: AbortSignal;
}

/**
 * The checks of one kind of part. If a group throws, the error becomes a failure of that group, so that a part that is
 * down does not hide the findings about others.
 */
export interface CheckGroup {
  /** A stable snake_case name, documented in docs/doctor.md. */
  readonly name: string;
  run(context: CheckContext): Promise<readonly Finding[]>;
}

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

/** The message of a thrown value. */
export function messageOf(thrown: unknown): string {
  return thrown instanceof Error ? thrown.message : String(thrown);
}

/** Checks back ends in parallel and returns the findings of all, in their order. Rejects if one check rejects. */
export async function checkEach(
  backends: Iterable<Backend>,
  check: (backend: Backend) => Promise<readonly Finding[]>,
): Promise<readonly Finding[]> {
  return (await Promise.all([...backends].map(check))).flat();
}
