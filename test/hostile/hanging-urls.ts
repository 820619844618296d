import { mkdtemp, rm } from 'node:fs/promises';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { eventually } from '@cloud-mirror/testing/eventually';
import { fetchOnWire } from '@cloud-mirror/testing/fetch';
import { startStandaloneMirror, type Mirror } from '@cloud-mirror/testing/mirror';
import { embeddedConfig, type ConfigObject } from '@cloud-mirror/testing/mirror-config';
import { startOriginServer } from '@cloud-mirror/testing/origin-server';
import { startHangingOrigin, type HangingOrigin } from './hanging-origin.ts';

/** A client that asks for ever more objects of an origin that does not answer. */
export const ATTACKER = '192.0.2.1';
/** A client that behaves. */
export const OTHER = '198.51.100.1';

const PAUSE_MS = 2000;

export interface HangingUrlsOptions {
  /** Hanging URLs that the attacker requests at the same time. Each request that ends is replaced by one for a new URL. */
  readonly urls: number;
  /** New objects that the other client requests, one after another, before and during the attack. */
  readonly goodRequests: number;
  readonly overrides?: ConfigObject;
}

export interface HangingUrlsReport {
  /** Outcomes of the other client's requests: the value of Cache-Status. */
  readonly before: Readonly<Record<string, number>>;
  readonly during: Readonly<Record<string, number>>;
  /** The same for new objects of the origin that hangs. */
  readonly sameOrigin: Readonly<Record<string, number>>;
  /** Outcomes of the attacker's requests. */
  readonly attacker: Readonly<Record<string, number>>;
  readonly medianMs: { readonly before: number; readonly during: number };
  readonly slowestMs: { readonly before: number; readonly during: number };
  /** The most connections that the origin that hangs had at once. */
  readonly mostConnections: number;
}

/** Measures how one client's hanging URLs affect another client's new objects, on the standalone program. */
export async function attackWithHangingUrls(options: HangingUrlsOptions): Promise<HangingUrlsReport> {
  await using opened = new AsyncDisposableStack();
  const directory = await mkdtemp(join(tmpdir(), 'cloud-mirror-test-'));
  opened.defer(() => rm(directory, { recursive: true, force: true }));
  const origin = opened.use(await startOriginServer());
  const hanging = opened.use(await startHangingOrigin());
  const config = await embeddedConfig({
    origins: [origin.baseUrl, hanging.baseUrl],
    directory,
    overrides: options.overrides ?? {},
  });
  const mirror = opened.use(await startStandaloneMirror(config, { lines: { keep: 100 } }));
  const before = await requestNewObjects(mirror, options.goodRequests, (index) =>
    origin.url(`/bytes/100?seed=${index}`),
  );
  const attack = opened.use(startAttack(mirror, hanging, options.urls));
  await attack.holds;
  const during = await requestNewObjects(mirror, options.goodRequests, (index) =>
    origin.url(`/bytes/200?seed=${index}`),
  );
  const sameOrigin = await requestNewObjects(mirror, options.goodRequests, (index) =>
    hanging.url(`/answers/${index}`),
  );
  return {
    before: before.outcomes,
    during: during.outcomes,
    sameOrigin: sameOrigin.outcomes,
    attacker: attack.outcomes,
    medianMs: { before: before.medianMs, during: during.medianMs },
    slowestMs: { before: before.slowestMs, during: during.slowestMs },
    mostConnections: hanging.mostOpen,
  };
}

interface Measured {
  readonly outcomes: Readonly<Record<string, number>>;
  readonly medianMs: number;
  readonly slowestMs: number;
}

async function requestNewObjects(
  mirror: Mirror,
  count: number,
  urlOf: (index: number) => string,
): Promise<Measured> {
  const outcomes: Record<string, number> = {};
  const times: number[] = [];
  for (let index = 0; index < count; index += 1) {
    const began = performance.now();
    const answer = await fetchOnWire(mirror.redirectUrl('here', urlOf(index)), {
      headers: { 'X-Forwarded-For': OTHER },
    });
    times.push(performance.now() - began);
    count1(outcomes, answer.headers['cache-status'] ?? String(answer.status));
  }
  times.sort((one, other) => one - other);
  return {
    outcomes,
    medianMs: Math.round(times[Math.floor(count / 2)] ?? 0),
    slowestMs: Math.round(times.at(-1) ?? 0),
  };
}

function count1(outcomes: Record<string, number>, outcome: string): void {
  outcomes[outcome] = (outcomes[outcome] ?? 0) + 1;
}

interface Attack extends AsyncDisposable {
  /** Resolves when as many requests hang at the origin as the mirror lets through. */
  readonly holds: Promise<unknown>;
  readonly outcomes: Readonly<Record<string, number>>;
}

function startAttack(mirror: Mirror, hanging: HangingOrigin, urls: number): Attack {
  const ended = new AbortController();
  const outcomes: Record<string, number> = {};
  let next = 0;
  const loop = async (): Promise<void> => {
    while (!ended.signal.aborted) {
      const url = mirror.redirectUrl('here', hanging.url(`/hangs/${next++}`));
      count1(outcomes, await outcomeOf(url, ended.signal));
      // Requests that are refused at once must not become a flood, which is another attack.
      await delay(PAUSE_MS, undefined, { signal: ended.signal }).catch(() => undefined);
    }
  };
  const loops = Array.from({ length: urls }, loop);
  let most = -1;
  return {
    outcomes,
    holds: eventually(
      () => {
        const grew = hanging.hanging > most;
        most = Math.max(most, hanging.hanging);
        return !grew && most > 0;
      },
      { intervalMs: 500 },
    ),
    async [Symbol.asyncDispose]() {
      ended.abort();
      await Promise.all(loops);
    },
  };
}

/** One request on a connection of its own, without following the redirect. */
function outcomeOf(url: string, signal: AbortSignal): Promise<string> {
  const { promise, resolve } = Promise.withResolvers<string>();
  const asked = request(url, { agent: false, signal, headers: { 'X-Forwarded-For': ATTACKER } });
  asked.once('error', () => resolve('failed'));
  asked.once('response', (answer) => {
    answer.resume();
    resolve(String(answer.headers['cache-status'] ?? answer.statusCode));
  });
  asked.end();
  return promise;
}
