import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { eventually } from '@cloud-mirror/testing/eventually';
import { fetchOnWire } from '@cloud-mirror/testing/fetch';
import type { Program } from '@cloud-mirror/testing/program';
import type { ProxyMode } from '@cloud-mirror/testing/tcp-proxy';
import { fresh, FaultRig } from './support/fault-rig.ts';
import { reportFailures } from './support/report-failures.ts';

let rig: FaultRig;

reportFailures(() => rig);
beforeEach(async () => {
  rig = await FaultRig.start();
});
afterEach(() => rig?.[Symbol.asyncDispose]());

type Part = 'redis' | 'queue' | 'store';
const EVERY: readonly Part[] = ['redis', 'queue', 'store'];

async function set(parts: readonly Part[], mode: ProxyMode): Promise<void> {
  for (const links of [rig.frontendLinks, rig.copierLinks])
    for (const part of parts) await links[part].set(mode);
}

async function readiness(frontend: Program): Promise<string> {
  const answer = await fetchOnWire(frontend.url('/readyz'));
  return `${answer.status} ${String(answer.json()['status'])}`;
}

describe('a process that starts before its parts are up', () => {
  test.each<[string, readonly Part[], ProxyMode, string]>([
    ['Redis is down', ['redis'], { kind: 'refuse' }, '200 degraded'],
    ['the queue is down', ['queue'], { kind: 'refuse' }, '200 degraded'],
    ['the store is down', ['store'], { kind: 'refuse' }, '503 503'],
    ['nothing is up', EVERY, { kind: 'refuse' }, '503 503'],
    ['nothing answers', EVERY, { kind: 'blackhole' }, '503 503'],
  ])(
    '%s: it starts, reports it in /readyz, redirects to the origin, and recovers',
    async (_what, parts, mode, said) => {
      await set(parts, mode);
      const [frontend] = await Promise.all([rig.startFrontend(), rig.startCopier()]);
      await eventually(async () => (await readiness(frontend)) === said);
      expect((await fetchOnWire(frontend.url('/livez'))).status).toBe(200);
      const path = fresh('/bytes/2000');
      const answer = await rig.askTimely(frontend, path);
      expect(answer.headers['location']).toBe(rig.originUrl(path));
      for (const links of [rig.frontendLinks, rig.copierLinks])
        for (const part of parts) links[part].drop('reset');
      await set(parts, { kind: 'pass' });
      expect((await rig.copyOf(frontend, path)).equals(rig.origin.bodyOf(path).bytes())).toBe(true);
      await eventually(async () => (await readiness(frontend)) === '200 ready');
    },
  );
});

describe('a front end that loses all its parts', () => {
  test('redirects many simultaneous clients to the origin in time, and recovers without help', async () => {
    const [frontend] = await Promise.all([rig.startFrontend(), rig.startCopier()]);
    const known = fresh('/bytes/3000');
    await rig.copyOf(frontend, known);
    await set(EVERY, { kind: 'blackhole' });
    const answers = await Promise.all(
      Array.from({ length: 200 }, () => rig.askTimely(frontend, fresh('/bytes/4000'), 3)),
    );
    expect(answers.every((answer) => answer.headers['location']?.startsWith(rig.originUrl('/')))).toBe(true);
    expect((await fetchOnWire(frontend.url('/livez'))).status).toBe(200);
    for (const links of [rig.frontendLinks, rig.copierLinks])
      for (const part of EVERY) links[part].drop('reset');
    await set(EVERY, { kind: 'pass' });
    const path = fresh('/bytes/5000');
    expect((await rig.copyOf(frontend, path)).equals(rig.origin.bodyOf(path).bytes())).toBe(true);
    expect(rig.leadsToCopy(await rig.askTimely(frontend, known))).toBe(true);
  });
});
