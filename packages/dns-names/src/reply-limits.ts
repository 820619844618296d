/** What a message may have. `truncate`: only the advice to ask over TCP. */
export type Allowance = 'answer' | 'truncate' | 'nothing';

export interface ReplyLimitsOptions {
  /**
   * Takes one answer from the budget of a network.
   * @returns 0 if it may pass, else the seconds until the next one may
   */
  readonly take: (network: string, nowMs: number) => number;
  /** The network of an address. Whoever sends in the name of another must not use up a budget of each address. */
  readonly networkOf: (address: string) => string;
}

/**
 * Bounds the answers over UDP to each network. Anybody can send queries in the name of a victim, which then receives longer
 * answers. Beyond the budget, every second reply is a truncated one of the size of the query, which makes true clients ask
 * over TCP (the "slip" of response rate limiting), and the others are left out. Loopback has no budget: no packet of it
 * comes from elsewhere.
 */
export class ReplyLimits {
  readonly #options: ReplyLimitsOptions;
  #exceeded = 0;

  constructor(options: ReplyLimitsOptions) {
    this.#options = options;
  }

  networkOf(address: string): string {
    return this.#options.networkOf(address);
  }

  allowance(network: string, nowMs: number): Allowance {
    if (isLoopback(network)) return 'answer';
    if (this.#options.take(network, nowMs) === 0) return 'answer';
    this.#exceeded += 1;
    return this.#exceeded % 2 === 0 ? 'truncate' : 'nothing';
  }
}

function isLoopback(network: string): boolean {
  return network.startsWith('127.') || network === '::1' || network === '0:0:0:0';
}
