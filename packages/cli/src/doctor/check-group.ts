import type { Adapters, Config } from '@cloud-mirror/mirror';
import type { Finding } from './finding.ts';

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
