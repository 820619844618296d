import { Agent, request } from 'undici';
import { targetOf } from '../mirror/mirror-under-test.ts';

/** One answered request. */
export interface Answered {
  readonly ms: number;
  readonly status: number;
  /** The target of the redirect. */
  readonly location: string;
  /** `hit`, `stored`, or the reason for a redirect to the origin. */
  readonly cacheStatus: string;
}

const LIMIT_MS = 120_000;

/** Requests origin objects from the mirror at `address`, each on its own keep-alive connection. */
export class FirstRequests implements AsyncDisposable {
  readonly #agent = new Agent({ pipelining: 1, headersTimeout: LIMIT_MS, bodyTimeout: LIMIT_MS });
  readonly #address: string;

  constructor(address: string) {
    this.#address = address;
  }

  async one(origin: string, headers: Readonly<Record<string, string>> = {}): Promise<Answered> {
    const begun = performance.now();
    const {
      statusCode,
      headers: answered,
      body,
    } = await request(this.#address + targetOf(origin), {
      dispatcher: this.#agent,
      headers: { ...headers },
    });
    await body.dump();
    const text = (name: string): string => String(answered[name] ?? '');
    return {
      ms: performance.now() - begun,
      status: statusCode,
      location: text('location'),
      cacheStatus: text('cache-status'),
    };
  }

  /** Sends all requests at once. @returns the answers, and the time until the last one */
  async atOnce(
    origins: readonly string[],
    headers: Readonly<Record<string, string>> = {},
  ): Promise<{ readonly answers: readonly Answered[]; readonly seconds: number }> {
    const begun = performance.now();
    const answers = await Promise.all(origins.map((origin) => this.one(origin, headers)));
    return { answers, seconds: (performance.now() - begun) / 1000 };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#agent.destroy();
  }
}

/** How many of the answers lead to a copy. The copy may have been made just before the request arrived. */
export function copiesIn(answers: readonly Answered[]): number {
  return answers.filter(({ cacheStatus }) => /; (?:hit|fwd=miss; stored)/.test(cacheStatus)).length;
}

/** @throws {Error} unless the answer is a redirect to a copy that was made during the wait */
export function mustBeStored(answer: Answered): void {
  if (!answer.cacheStatus.includes('stored'))
    throw new Error(`a first request got no copy: ${answer.status} ${answer.cacheStatus}`);
}

/** The reasons for redirects to the origin, each with its count; empty if there were none. */
export function detoursOf(answers: readonly Answered[]): string {
  const counts = new Map<string, number>();
  for (const { status, cacheStatus } of answers) {
    const [, detail] = /detail=(\S+)/.exec(cacheStatus) ?? [];
    if (status !== 302) counts.set(String(status), (counts.get(String(status)) ?? 0) + 1);
    else if (detail !== undefined) counts.set(detail, (counts.get(detail) ?? 0) + 1);
  }
  return [...counts].map(([reason, count]) => `${count} ${reason}`).join(', ');
}
