import type { Adapters, Config } from '@cloud-mirror/mirror';
import type { Finding } from './finding.ts';

export interface CheckContext {
  readonly config: Config;
  readonly adapters: Adapters;
  /** Aborted when the command is interrupted or takes too long. */
  readonly signal: AbortSignal;
}

/**
 * Checks of one kind of part. A group reports what it finds as findings. It may also throw: the error becomes a failure
 * of the whole group, so one part that is down hides no other.
 */
export interface CheckGroup {
  /** Stable snake_case name, documented in docs/doctor.md. */
  readonly name: string;
  run(context: CheckContext): Promise<readonly Finding[]>;
}
