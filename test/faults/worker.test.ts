import { createHash } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { eventually } from '@cloud-mirror/testing/eventually';
import { fetchOnWire } from '@cloud-mirror/testing/fetch';
import type { Program } from '@cloud-mirror/testing/program';
import { fresh, FaultRig, OPERATOR } from './support/fault-rig.ts';
import { QueueMessages } from './support/queue-messages.ts';
import { reportFailures } from './support/report-failures.ts';

let rig: FaultRig;
let frontend: Program;
let seed = 0;

const MIB = 1024 ** 2;
const LARGE = 12 * MIB;
const NOT_WAITING = { headers: { prefer: 'wait=0' } };

reportFailures(() => rig);
beforeAll(async () => {
  rig = await FaultRig.start();
  frontend = await rig.startFrontend();
});
afterAll(() => rig?.[Symbol.asyncDispose]());

const ended = (worker: Program, outcome: string): boolean =>
  worker.logs.some((line) => line['outcome'] === outcome);

/** The test holds the origin's body back for as long as a busy machine needs, so no minimum rate may end the read. */
const NO_MINIMUM_RATE = { sources: { timeouts: { minimumBytesPerSecond: 0 } } };

describe('a worker killed (-9) during a copy', () => {
  test('another worker finishes within lease and visibility timeout: one object with the right bytes', async () => {
    const path = fresh(`/bytes/${LARGE}`);
    const expected = rig.origin.bodyOf(path).bytes();
    await using killed = await rig.startCopier({ overrides: NO_MINIMUM_RATE });
    using hold = rig.origin.hold(path, { afterBytes: 8 * MIB });
    await rig.ask(frontend, path, NOT_WAITING);
    await hold.arrived;
    await using other = await rig.startCopier();
    await killed.kill();
    hold.release();
    expect((await rig.copyOf(frontend, path)).equals(expected)).toBe(true);
    await eventually(() => ended(other, 'copied'));
    expect(await rig.copies(path)).toBe(1);
    expect(rig.origin.count('GET', path)).toBe(2);
    expect(await rig.entry(frontend, path)).toMatchObject({ state: 'present' });
  });

  test('the next worker to start aborts the uploads that it left: only old ones of the mirror', async () => {
    const bucket = rig.bucket();
    const hoursAgo = (hours: number): Date => new Date(Date.now() - hours * 3_600_000);
    const old = rig.protocols.addUpload(bucket, rig.originUrl('/left'), hoursAgo(25));
    const purgedSince = rig.protocols.addUpload(bucket, `g/abc/${rig.originUrl('/left')}`, hoursAgo(25));
    const young = rig.protocols.addUpload(bucket, rig.originUrl('/at-work'), hoursAgo(23));
    const foreign = rig.protocols.addUpload(bucket, 'backups/monday', hoursAgo(99));
    const open = (): readonly string[] => rig.protocols.openUploads.map(({ uploadId }) => uploadId);
    await using _worker = await rig.startCopier();
    await eventually(() => ![old, purgedSince].some(({ uploadId }) => open().includes(uploadId)) || null);
    expect(open()).toContain(young.uploadId);
    expect(open()).toContain(foreign.uploadId);
  });
});

describe('a worker frozen (SIGSTOP) past its lease, then resumed', () => {
  test('its commit is refused, and after a purge no client is redirected to its copy', async () => {
    const name = `artifact-${++seed}`;
    const path = `/mutable/${name}`;
    rig.origin.set(name, Buffer.alloc(100_000, 'old'));
    await using frozen = await rig.startCopier();
    using hold = rig.origin.hold(path, { afterBytes: 50_000 });
    await rig.ask(frontend, path, NOT_WAITING);
    await hold.arrived;
    frozen.signal('SIGSTOP');
    hold.release();
    await using other = await rig.startCopier();
    expect((await rig.copyOf(frontend, path)).subarray(0, 3).toString()).toBe('old');
    await eventually(() => ended(other, 'copied'));

    rig.origin.set(name, Buffer.from('new'));
    expect((await rig.operate(frontend, 'purge', path)).status).toBe(204);
    frozen.signal('SIGCONT');
    await eventually(() => frozen.logs.some((line) => 'outcome' in line));
    const old = createHash('sha256').update(Buffer.alloc(100_000, 'old')).digest('hex');
    const committed = frozen.logs.filter((line) => line['present'] === true);
    expect(committed.map((line) => line['contentSha256'])).not.toContain(old);
    expect((await rig.copyOf(frontend, path)).toString()).toBe('new');
    await fetchOnWire(frontend.url('/v1/cache'), { method: 'DELETE', headers: OPERATOR });
    expect((await rig.copyOf(frontend, path)).toString()).toBe('new');
  });
});

describe('a worker that gets SIGTERM during a copy', () => {
  test('finishes its jobs within the grace time, and takes no new ones', async () => {
    const path = fresh(`/bytes/${LARGE}`);
    await using worker = await rig.startCopier({ overrides: NO_MINIMUM_RATE });
    using hold = rig.origin.hold(path, { afterBytes: 8 * MIB });
    await rig.ask(frontend, path, NOT_WAITING);
    await hold.arrived;
    const exit = worker.stop();
    await worker.log((line) => line['msg'] === 'draining');
    const later = fresh('/bytes/1000');
    await rig.ask(frontend, later, NOT_WAITING);
    hold.release();
    expect(await exit).toEqual({ code: 0, signal: null });
    expect(ended(worker, 'copied')).toBe(true);
    expect(rig.origin.count('GET', later)).toBe(0);
    await using _next = await rig.startCopier();
    expect((await rig.copyOf(frontend, later)).equals(rig.origin.bodyOf(later).bytes())).toBe(true);
    expect(rig.origin.count('GET', path)).toBe(1);
  });

  test('gives unfinished jobs back at once: no upload stays open, and the next worker gets them', async () => {
    const path = fresh(`/bytes/${LARGE}`);
    const before = rig.protocols.openUploads.length;
    await using worker = await rig.startCopier({ overrides: { copier: { graceSeconds: 1 } } });
    using hold = rig.origin.hold(path, { afterBytes: 8 * MIB });
    await rig.ask(frontend, path, NOT_WAITING);
    await hold.arrived;
    expect(await worker.stop()).toEqual({ code: 0, signal: null });
    expect(ended(worker, 'given_back')).toBe(true);
    expect(rig.protocols.openUploads).toHaveLength(before);
    expect(await rig.entry(frontend, path)).toBeNull();
    hold.release();
    await using _next = await rig.startCopier();
    expect((await rig.copyOf(frontend, path)).equals(rig.origin.bodyOf(path).bytes())).toBe(true);
  });

  test('sends an identical job on the last delivery, so that none becomes a dead letter', async () => {
    await using twice = await FaultRig.start({
      overrides: { queue: { maxReceiveCount: 2 }, copier: { graceSeconds: 1 } },
    });
    const asked = await twice.startFrontend();
    const path = fresh(`/bytes/${LARGE}`);
    using hold = twice.origin.hold(path, { afterBytes: 8 * MIB });
    await twice.ask(asked, path, NOT_WAITING);
    const jobs = new QueueMessages(twice.protocols, twice.queue());
    await eventually(async () => (await jobs.peek()).length === 1);
    const worker = await twice.startCopier();
    await hold.arrived;
    expect(await worker.stop()).toEqual({ code: 0, signal: null });
    hold.release();
    await twice.startCopier();
    expect(await eventually(async () => (await twice.copies(path)) === 1)).toBe(true);
    expect(await new QueueMessages(twice.protocols, `${twice.queue()}_dead`).count()).toBe(0);
  });
});
