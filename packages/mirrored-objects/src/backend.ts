import type { JobQueue } from '@cloud-mirror/job-queue';
import type { Job } from './job.ts';
import type { StorageProvider } from '@cloud-mirror/storage-provider';
import type { KeyForm } from './object-key.ts';

/** One region of one service: a store for copies, and the queue of jobs that fill it. */
export interface Backend {
  readonly service: string;
  readonly region: string;
  /** `service/region`. */
  readonly name: string;
  readonly kind: 's3' | 'filesystem';
  readonly store: StorageProvider;
  readonly queue: JobQueue<Job>;
  /** How long the store keeps an object, in days; `null` where it keeps it until room is needed. */
  readonly lifespanDays: number | null;
  /** How keys of copies are made. Default `url`. */
  readonly keys?: KeyForm | undefined;
}

/** Every back end of the configuration by its name. */
export type Backends = ReadonlyMap<string, Backend>;

export function backendName(service: string, region: string): string {
  return `${service}/${region}`;
}
