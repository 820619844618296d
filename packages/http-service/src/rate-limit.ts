import type { IncomingMessage } from 'node:http';
import { BoundedMemory, stringHash } from '@cloud-mirror/bounded-memory';
import { clientNetworkReader, unnamedProxyReader } from './client-address.ts';
import { HttpProblem } from './http-problem.ts';

export interface RateLimit {
  readonly requestsPerSecond: number;
  readonly burst: number;
}

/**
 * The bytes of the buckets of all clients: about 60,000 of them. A client that is forgotten starts with a full bucket again,
 * so those that ask most are kept.
 */
const MOST_BYTES = 16 * 1024 * 1024;
/** What a bucket and the name of its client take in memory, without the characters of the name. */
const BUCKET_BYTES = 96;

interface Bucket {
  tokens: number;
  filledAtMs: number;
}

/** A token bucket for each client. */
export class RateLimiter {
  readonly #limit: RateLimit;
  readonly #buckets: BoundedMemory<string, Bucket>;

  constructor(limit: RateLimit, maxBytes = MOST_BYTES) {
    this.#limit = limit;
    this.#buckets = new BoundedMemory({
      maxBytes,
      bytesOf: (client) => BUCKET_BYTES + client.length,
      hashOf: stringHash,
    });
  }

  /** @returns 0 if the request may pass, else the seconds until the next one may */
  take(client: string, nowMs: number): number {
    const { requestsPerSecond, burst } = this.#limit;
    const bucket = this.#bucketOf(client, nowMs);
    const filled = bucket.tokens + ((nowMs - bucket.filledAtMs) / 1000) * requestsPerSecond;
    const tokens = Math.min(burst, filled);
    const passes = tokens >= 1;
    bucket.tokens = passes ? tokens - 1 : tokens;
    bucket.filledAtMs = nowMs;
    return passes ? 0 : (1 - tokens) / requestsPerSecond;
  }

  get clients(): number {
    return this.#buckets.size;
  }

  #bucketOf(client: string, nowMs: number): Bucket {
    const known = this.#buckets.get(client);
    if (known !== undefined) return known;
    const bucket = { tokens: this.#limit.burst, filledAtMs: nowMs };
    this.#buckets.set(client, bucket);
    return bucket;
  }
}

/** The budgets of all clients. A client that exceeds its budget gets a 429 (RFC 6585). */
export class ClientBudgets {
  readonly #limiter: RateLimiter;
  readonly #networkOf: (request: IncomingMessage) => string;
  readonly #isThroughUnnamedProxy: (request: IncomingMessage) => boolean;
  readonly #onUnnamedProxy: (() => void) | undefined;
  #unnamedProxySeen = false;

  /**
   * @param trustedProxies CIDRs of proxies whose `X-Forwarded-For` names the client
   * @param onUnnamedProxy called once, when the budget of a proxy that `trustedProxies` lacks is used up
   */
  constructor(limit: RateLimit, trustedProxies: readonly string[], onUnnamedProxy?: () => void) {
    this.#limiter = new RateLimiter(limit);
    this.#networkOf = clientNetworkReader(trustedProxies);
    this.#isThroughUnnamedProxy = unnamedProxyReader(trustedProxies);
    this.#onUnnamedProxy = onUnnamedProxy;
  }

  /**
   * Takes one request from the budget of its client. Call it once for each request.
   * @param nowMs by `performance.now()`
   * @returns the response if the budget is used up, else null
   */
  take(request: IncomingMessage, nowMs: number): HttpProblem | null {
    const waitSeconds = this.#limiter.take(this.#networkOf(request), nowMs);
    if (waitSeconds === 0) return null;
    if (!this.#unnamedProxySeen && this.#isThroughUnnamedProxy(request)) {
      this.#unnamedProxySeen = true;
      this.#onUnnamedProxy?.();
    }
    return tooManyRequests(waitSeconds);
  }
}

export function tooManyRequests(waitSeconds: number): HttpProblem {
  return new HttpProblem(429, 'too_many_requests', 'This client sends too many requests.', {
    headers: { 'Retry-After': String(Math.max(1, Math.ceil(waitSeconds))) },
  });
}
