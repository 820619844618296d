import type { JobQueue } from '@cloud-mirror/job-queue';
import type { Job } from './job.ts';
import type { StorageProvider } from '@cloud-mirror/storage-provider';
import type { KeyForm } from './object-key.ts';

/** One region of one service: an object store, and the queue of the jobs that fill it. */
export interface Backend {
  readonly service: string;
  readonly region: string;
  /** `service/region`. */
  readonly name: string;
  /** Kind of its store, as `services` of the configuration names it. */
  readonly kind: string;
  readonly store: StorageProvider;
  readonly queue: JobQueue<Job>;
  /** How long the store keeps an object, in days; `null` if it keeps objects until it needs the space. */
  readonly lifespanDays: number | null;
  /** The form of the copies' keys. Default `url`. */
  readonly keys?: KeyForm | undefined;
}

/** Every configured back end, by its name. */
export type Backends = ReadonlyMap<string, Backend>;

export function backendName(service: string, region: string): string {
  return `${service}/${region}`;
}
