import { once } from 'node:events';
import { request } from 'node:http';
import type { IncomingMessage } from 'node:http';
import { describe, expect, test } from 'vitest';
import type { RedirectOutcome } from '@cloud-mirror/cache-manager';
import { endOf } from '@cloud-mirror/http-service';
import { fakeBackend } from './support/fake-cache-manager.ts';
import { ORIGIN_URL, redirectPath, startFrontend } from './support/frontend-under-test.ts';
import type { FrontendUnderTest } from './support/frontend-under-test.ts';
import { LocalStore } from './support/local-store.ts';

const NAME = 'c'.repeat(64);
const OBJECT_PATH = `/v1/objects/local/here/${NAME}`;
const PENDING: RedirectOutcome = {
  kind: 'origin',
  location: ORIGIN_URL,
  state: 'pending',
  reason: 'wait_over',
  message: 'wait over',
};

async function lineOf(frontend: FrontendUnderTest, requestId: string) {
  await expect.poll(() => frontend.log.find((line) => line['requestId'] === requestId)).toBeDefined();
  const lines = frontend.log.filter((line) => line['requestId'] === requestId && line['msg'] === 'request');
  expect(lines).toHaveLength(1);
  return lines[0];
}

async function metricsOf(frontend: FrontendUnderTest): Promise<string> {
  return (await frontend.fetch('/metrics')).text();
}

describe('a client that disconnects while it waits', () => {
  test.each([
    // The signal aborts the decision, which may reject or still resolve.
    ['the decision rejects', (_: AbortSignal) => Promise.reject(new Error('the client disconnected'))],
    ['the decision still resolves', (_: AbortSignal) => Promise.resolve(PENDING)],
  ])('is logged and counted as client_gone, not as 404, if %s', async (_name, afterwards) => {
    await using frontend = await startFrontend();
    const asked = Promise.withResolvers<undefined>();
    frontend.cacheManager.decide = async ({ signal }) => {
      asked.resolve(undefined);
      if (!signal.aborted) await once(signal, 'abort');
      return afterwards(signal);
    };
    const client = request(`${frontend.address}${redirectPath(ORIGIN_URL)}`, {
      headers: { 'X-Request-Id': 'left', Prefer: 'wait=12' },
    }).end();
    client.on('error', () => undefined);
    await asked.promise;
    client.destroy();
    expect(await lineOf(frontend, 'left')).toMatchObject({
      route: 'redirect',
      outcome: 'client_gone',
      status: null,
      clientGone: true,
      service: 's3',
      region: 'us-west-1',
    });
    const metrics = await metricsOf(frontend);
    expect(metrics).toContain('{route="redirect",method="GET",status="client_gone"} 1');
    expect(metrics).toContain('{service="s3",region="us-west-1",outcome="client_gone"} 1');
    expect(metrics).not.toContain('status="404"');
    expect(metrics).not.toContain('outcome="unknown"');
  });
});

describe('a download from this host', () => {
  function large(failAfterBytes = Infinity): LocalStore {
    const store = new LocalStore();
    const bytes = Buffer.alloc(64 * 1024 * 1024);
    const headers = { contentType: 'application/octet-stream' };
    const object = { sizeBytes: bytes.length, etag: null, storedAt: new Date(), expiresAt: null };
    store.objects.set(NAME, { bytes, object: { ...object, headers, metadata: {} } });
    store.failAfterBytes = failAfterBytes;
    return store;
  }

  async function download(store: LocalStore, leave: boolean) {
    const frontend = await startFrontend({
      backends: [fakeBackend('local/here', { store: store.asStore() })],
    });
    const asked = request(`${frontend.address}${OBJECT_PATH}`, { headers: { 'X-Request-Id': 'mine' } }).end();
    const [response] = (await once(asked, 'response')) as [IncomingMessage];
    response.on('error', () => undefined);
    if (leave) {
      await once(response, 'readable');
      response.destroy();
    } else response.resume();
    return frontend;
  }

  test('that its client cuts is client_gone', async () => {
    await using frontend = await download(large(), true);
    // The status was sent before the client left; the outcome says that the download is incomplete.
    expect(await lineOf(frontend, 'mine')).toMatchObject({
      outcome: 'client_gone',
      status: 200,
      clientGone: true,
    });
    const metrics = await metricsOf(frontend);
    expect(metrics).toContain('{route="objects",method="GET",status="client_gone"} 1');
    expect(metrics).not.toContain('{route="objects",method="GET",status="200"}');
    // Nothing of ours has failed.
    expect(frontend.log.filter(({ level }) => level === 'error')).toEqual([]);
  });

  test('that completes is served', async () => {
    await using frontend = await download(large(), false);
    expect(await lineOf(frontend, 'mine')).toMatchObject({ outcome: 'served', status: 200 });
  });

  test('whose copy cannot be read completely is read_failed, not client_gone', async () => {
    await using frontend = await download(large(8 * 1024), false);
    expect(await lineOf(frontend, 'mine')).toMatchObject({ outcome: 'read_failed', status: 200 });
  });
});

test.each([
  [true, 'hit', 'hit', 302],
  [false, undefined, 'client_gone', 'client_gone'],
  [false, 'hit', 'client_gone', 'client_gone'],
  [false, 'not_found', 'client_gone', 'client_gone'],
  [false, 'read_failed', 'read_failed', 302],
  [false, 'client_stalled', 'client_stalled', 302],
] as const)('response finished: %s, outcome %s: logged as %s, status %s', (...row) => {
  const [writableFinished, outcome, logged, status] = row;
  const record = { route: 'redirect', ...(outcome !== undefined && { outcome }) };
  expect(endOf({ writableFinished, statusCode: 302 }, record)).toEqual({
    record: { route: 'redirect', outcome: logged },
    status,
  });
});
