import type { Backend } from '@cloud-mirror/mirrored-objects';
import { Counter, Gauge, Histogram, type Registry } from 'prom-client';
import type { CopySlots } from './copy-slots.ts';
import { reportedOutcome, type JobResult } from './job-result.ts';

/** The metrics of a copier. Names begin with `cloud_mirror_`. Labels never contain URLs or addresses. */
export interface CopierMetrics {
  jobEnded(
    backend: { readonly service: string; readonly region: string },
    result: JobResult,
    seconds: number,
  ): void;
  partFailed(part: string): void;
  internalError(): void;
  /** @param backend its name */
  copyPaused(backend: string): void;
}

export interface MeasuredCopier {
  readonly slots: Pick<CopySlots, 'taken' | 'largestHost' | 'counts'>;
  readonly backends: readonly Pick<Backend, 'name' | 'service' | 'region' | 'store'>[];
}

export function createCopierMetrics(registry: Registry, copier: MeasuredCopier): CopierMetrics {
  const labels = ['service', 'region', 'outcome'] as const;
  const jobs = new Counter({
    name: 'cloud_mirror_copies_total',
    help: 'Finished jobs, by outcome: copied, already_there, left_to_another, given_back, will_retry, failed, dead_letter, refused, internal_error',
    labelNames: labels,
    registers: [registry],
  });
  const duration = new Histogram({
    name: 'cloud_mirror_copy_duration_seconds',
    help: 'Time from the receipt of a job to its end, in seconds',
    labelNames: labels,
    buckets: [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1800],
    registers: [registry],
  });
  const bytes = new Counter({
    name: 'cloud_mirror_copied_bytes_total',
    help: 'Bytes of finished copies',
    labelNames: ['service', 'region'],
    registers: [registry],
  });
  const failures = new Counter({
    name: 'cloud_mirror_copier_part_failures_total',
    help: 'Failed calls of a copier to the entry store, the queue or the object store, by part',
    labelNames: ['part'],
    registers: [registry],
  });
  const defects = new Counter({
    name: 'cloud_mirror_copier_internal_errors_total',
    help: 'Internal errors (defects) of the copier, including those that ended a copy',
    registers: [registry],
  });
  const pauses = new Counter({
    name: 'cloud_mirror_copies_paused_total',
    help: 'How often a copy gave its slot to another job and waited for a slot to go on',
    labelNames: ['service', 'region'],
    registers: [registry],
  });
  const places = new Map(copier.backends.map(({ name, service, region }) => [name, { service, region }]));
  measureSlots(registry, copier);
  return {
    jobEnded({ service, region }, result, seconds) {
      const outcome = reportedOutcome(result);
      jobs.inc({ service, region, outcome });
      duration.observe({ service, region, outcome }, seconds);
      if (outcome === 'internal_error') defects.inc();
      if (result.outcome === 'copied') bytes.inc({ service, region }, result.copy.sizeBytes);
    },
    partFailed: (part) => failures.inc({ part }),
    internalError: () => defects.inc(),
    copyPaused: (backend) => pauses.inc(places.get(backend) ?? {}),
  };
}

function measureSlots(registry: Registry, { slots, backends }: MeasuredCopier): void {
  const registers = [registry];
  new Gauge({
    name: 'cloud_mirror_copies_running',
    help: 'Jobs that are running',
    registers,
    collect() {
      this.set(slots.taken);
    },
  });
  new Gauge({
    name: 'cloud_mirror_copy_turns',
    help: 'Jobs of this copier by state: running in a slot, paused because others need the slot, or waiting for a slot',
    labelNames: ['service', 'region', 'state'],
    registers,
    collect() {
      for (const { name, service, region } of backends)
        for (const [state, count] of Object.entries(slots.counts(name)))
          this.set({ service, region, state }, count as number);
    },
  });
  new Gauge({
    name: 'cloud_mirror_copy_slots_of_largest_host',
    help: 'Copy slots held by the origin host that holds most of them',
    registers,
    collect() {
      this.set(slots.largestHost);
    },
  });
  new Gauge({
    name: 'cloud_mirror_copier_clock_ahead_seconds',
    help: "How far this machine's clock is ahead of the store's, in seconds; negative: behind",
    labelNames: ['service', 'region'],
    registers,
    collect() {
      for (const { service, region, store } of backends)
        this.set({ service, region }, store.clock.aheadMs / 1000);
    },
  });
}
