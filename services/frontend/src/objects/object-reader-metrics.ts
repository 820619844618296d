import type { Backends } from '@cloud-mirror/mirrored-objects';
import { isLocallyServed } from '@cloud-mirror/storage-provider';
import { Counter, Gauge } from 'prom-client';
import type { Registry } from 'prom-client';
import type { ObjectReaders } from './object-readers.ts';

/** Metrics of the clients that read copies of `filesystem` back ends from this front end. */
export function registerReaderMetrics(registry: Registry, backends: Backends, readers: ObjectReaders): void {
  const registers = [registry];
  const local = [...backends.values()].flatMap(({ service, region, store }) =>
    isLocallyServed(store) ? [{ service, region, store }] : [],
  );
  if (local.length === 0) return;
  new Gauge({
    name: 'cloud_mirror_object_readers',
    help: 'Clients that are reading copies from this host',
    registers,
    collect() {
      this.set(readers.reading);
    },
  });
  new Counter({
    name: 'cloud_mirror_object_readers_cut_total',
    help: 'Clients that were cut while they read a copy, because they read too slowly (stalled) or because its removed file held too many bytes (removed)',
    labelNames: ['reason'],
    registers,
    collect() {
      this.reset();
      this.inc({ reason: 'stalled' }, readers.cut);
      this.inc({ reason: 'removed' }, sum(local.map(({ store }) => store.removedObjects.readersCut)));
    },
  });
  new Gauge({
    name: 'cloud_mirror_removed_object_bytes',
    help: 'Bytes on the disk of copies that have been removed while clients read them',
    labelNames: ['service', 'region'],
    registers,
    collect() {
      for (const { service, region, store } of local)
        this.set({ service, region }, store.removedObjects.bytes);
    },
  });
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}
