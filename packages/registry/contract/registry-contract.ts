import { ulid } from 'ulid';
import { describe, expect, test } from 'vitest';
import type { Instance } from '../src/instance.ts';
import type { Registry, RegistryChange } from '../src/registry.ts';

export interface RegistrySubject {
  /** Opens a reader. Each reads the same registry, like several processes, if the registry is shared. */
  open(): Promise<Registry>;
}

const LEASE_MS = 60_000;
const LOAD = { requestsPerSecond: 1, waiting: 0, copies: null, slotsFree: null };

export function instanceOf(over: Partial<Instance> = {}): Instance {
  return {
    id: ulid(),
    app: 'router',
    node: 'here',
    host: '127.0.0.1',
    ports: [{ name: 'http', port: 31_001, servicePort: 9000 }],
    region: null,
    version: '0.0.0',
    startedAt: new Date().toISOString(),
    state: 'running',
    healthy: true,
    why: null,
    labels: {},
    load: null,
    ...over,
  };
}

/** The contract of the port {@link Registry}. `subject` returns an empty registry at each call. */
export function registryContract(name: string, subject: () => Promise<RegistrySubject>): void {
  describe(`the contract of Registry: ${name}`, () => {
    const ids = (registry: Registry): string[] => registry.list().instances.map(({ id }) => id);

    /** Collects changes until `count` of them have arrived. */
    const collect = async (
      registry: Registry,
      after: number | null,
      count: number,
    ): Promise<RegistryChange[]> => {
      const ending = new AbortController();
      const found: RegistryChange[] = [];
      for await (const change of registry.watch(after, ending.signal)) {
        found.push(change);
        if (found.length === count) break;
      }
      return found;
    };

    test('lists announced instances in the order of their start, with what they last said', async () => {
      const registry = await (await subject()).open();
      const late = instanceOf({ startedAt: '2026-02-01T00:00:00.000Z' });
      const early = instanceOf({ startedAt: '2026-01-01T00:00:00.000Z' });
      await registry.announce(late, LEASE_MS);
      await registry.announce(early, LEASE_MS);
      expect(registry.list().instances).toEqual([early, late]);
      const draining = { ...early, state: 'draining' as const, load: LOAD };
      await registry.announce(draining, LEASE_MS);
      await expect.poll(() => registry.list().instances[0]).toEqual(draining);
    });

    test('forgets an instance that leaves, at once', async () => {
      const registry = await (await subject()).open();
      const one = instanceOf();
      const other = instanceOf();
      await registry.announce(one, LEASE_MS);
      await registry.announce(other, LEASE_MS);
      await registry.leave(one.id);
      await registry.leave('never-there');
      expect(ids(registry)).toEqual([other.id]);
    });

    test('forgets an instance whose lease ends, and keeps one that is renewed', async () => {
      const registry = await (await subject()).open();
      const killed = instanceOf();
      const alive = instanceOf();
      await registry.announce(killed, 1_500);
      await registry.announce(alive, 1_500);
      while (ids(registry).includes(killed.id)) {
        await new Promise((resolve) => setTimeout(resolve, 50));
        await registry.announce(alive, 1_500);
      }
      expect(ids(registry)).toEqual([alive.id]);
    });

    test('the revision grows with each change, and not with renewals and loads', async () => {
      const registry = await (await subject()).open();
      const one = instanceOf();
      const revisions: number[] = [];
      const note = (): void => void revisions.push(registry.list().revision);
      await registry.announce(one, LEASE_MS);
      note();
      await registry.announce(one, LEASE_MS);
      await registry.announce({ ...one, load: LOAD }, LEASE_MS);
      expect(registry.list().revision).toBe(revisions[0]);
      await registry.announce({ ...one, healthy: false, why: 'queue' }, LEASE_MS);
      note();
      await registry.leave(one.id);
      note();
      expect(revisions).toEqual(revisions.toSorted((a, b) => a - b));
      expect(new Set(revisions).size).toBe(3);
      expect(Math.abs((revisions[0] ?? 0) - Date.now())).toBeLessThan(3_600_000);
    });

    test('a watcher gets every change in order, from the revision that it knows', async () => {
      const registry = await (await subject()).open();
      const one = instanceOf();
      const other = instanceOf();
      await registry.announce(one, LEASE_MS);
      const { revision } = registry.list();
      const watching = collect(registry, revision, 3);
      await registry.announce(other, LEASE_MS);
      await registry.announce({ ...one, state: 'draining' }, LEASE_MS);
      await registry.leave(one.id);
      const seen = await watching;
      expect(
        seen.map((change) => ('instance' in change ? `${change.kind} ${change.instance.id}` : change.kind)),
      ).toEqual([`up ${other.id}`, `changed ${one.id}`, `down ${one.id}`]);
      const again = await collect(registry, revision, 3);
      expect(again).toEqual(seen);
    });

    test('a watcher sees recorded events among the changes, with their revisions', async () => {
      const registry = await (await subject()).open();
      const event = {
        type: 'scaled',
        app: 'frontend',
        from: 1,
        to: 3,
        by: 'oncall',
        reason: null,
        deploymentId: 'one',
      } as const;
      const one = instanceOf();
      await registry.announce(instanceOf(), LEASE_MS);
      const { revision } = registry.list();
      const watching = collect(registry, revision, 2);
      const recorded = await registry.record(event);
      await registry.announce(one, LEASE_MS);
      expect(recorded).toBeGreaterThan(revision);
      const [first, second] = await watching;
      expect(first).toEqual({ kind: 'event', revision: recorded, event });
      expect(second).toMatchObject({ kind: 'up', instance: { id: one.id } });
      expect(ids(registry)).toHaveLength(2);
    });

    test('a watcher that knows no revision, or an unknown one, is told to begin again', async () => {
      const registry = await (await subject()).open();
      const one = instanceOf();
      await registry.announce(one, LEASE_MS);
      const { revision } = registry.list();
      for (const after of [null, 1, revision + 1_000_000])
        expect(await collect(registry, after, 1)).toEqual([{ kind: 'reset', revision, instances: [one] }]);
    });

    test('a watcher that falls behind is told to begin again', async () => {
      const registry = await (await subject()).open();
      const one = instanceOf();
      await registry.announce(one, LEASE_MS);
      const { revision } = registry.list();
      for (let n = 0; n < 1_100; n += 1) await registry.announce({ ...one, why: String(n) }, LEASE_MS);
      const [first] = await collect(registry, revision, 1);
      expect(first).toMatchObject({ kind: 'reset', instances: [{ why: '1099' }] });
    });

    test('a watch ends with its signal', async () => {
      const registry = await (await subject()).open();
      const ending = new AbortController();
      const iterator = registry.watch(registry.list().revision, ending.signal)[Symbol.asyncIterator]();
      const next = iterator.next();
      ending.abort();
      // A reset, if the registry was empty, and then the end.
      const first = await next;
      expect(first.done === true || (await iterator.next()).done).toBe(true);
    });
  });
}
