import type { IncomingMessage } from 'node:http';
import { clientNetwork } from './client-address.ts';
import { HttpProblem } from './http-problem.ts';
import type { Handler } from './request-context.ts';

export interface RateLimit {
  readonly requestsPerSecond: number;
  readonly burst: number;
}

/** Clients remembered at once; the one that was seen longest ago makes room, and starts with a full bucket again. */
const MAX_CLIENTS = 100_000;

interface Bucket {
  tokens: number;
  filledAtMs: number;
}

/** A token bucket for each client. */
export class RateLimiter {
  readonly #limit: RateLimit;
  readonly #maxClients: number;
  /** In the order of their last request: a Map keeps the order of insertion. */
  readonly #buckets = new Map<string, Bucket>();

  constructor(limit: RateLimit, maxClients = MAX_CLIENTS) {
    this.#limit = limit;
    this.#maxClients = maxClients;
  }

  /** @returns 0 where the request may pass, else the seconds after which the next one may */
  take(client: string, nowMs: number): number {
    const { requestsPerSecond, burst } = this.#limit;
    const known = this.#buckets.get(client);
    this.#buckets.delete(client);
    const filled =
      known === undefined ? burst : known.tokens + ((nowMs - known.filledAtMs) / 1000) * requestsPerSecond;
    const tokens = Math.min(burst, filled);
    const passes = tokens >= 1;
    this.#buckets.set(client, { tokens: passes ? tokens - 1 : tokens, filledAtMs: nowMs });
    this.#makeRoom();
    return passes ? 0 : (1 - tokens) / requestsPerSecond;
  }

  get clients(): number {
    return this.#buckets.size;
  }

  #makeRoom(): void {
    if (this.#buckets.size <= this.#maxClients) return;
    const [oldest] = this.#buckets.keys();
    if (oldest !== undefined) this.#buckets.delete(oldest);
  }
}

/**
 * 429 (RFC 6585) for clients that ask too often.
 * @param unlimitedPaths of probes and scrapes, which come often and from few addresses
 */
export function rateLimit(
  limiter: RateLimiter,
  clientAddress: (request: IncomingMessage) => string,
  unlimitedPaths: ReadonlySet<string>,
): Handler {
  return async (ctx, next) => {
    if (!unlimitedPaths.has(ctx.state.target.rawPath)) {
      const waitSeconds = limiter.take(clientNetwork(clientAddress(ctx.req)), performance.now());
      if (waitSeconds > 0) throw tooManyRequests(waitSeconds);
    }
    await next();
  };
}

function tooManyRequests(waitSeconds: number): HttpProblem {
  return new HttpProblem(429, 'too_many_requests', 'This address asks too often.', {
    headers: { 'Retry-After': String(Math.max(1, Math.ceil(waitSeconds))) },
  });
}
