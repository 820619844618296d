import { LRUCache } from 'lru-cache';
import { TimeLimit } from '@cloud-mirror/waiting';
import { orderAddresses } from './address-order.ts';
import { queryAddresses, type DnsAnswer } from './dns-query.ts';
import type { HostAddress } from './host-address.ts';
import { NameLookupError, type NameLookupErrorCode } from './name-lookup-error.ts';
import { SystemNamesReader, type SystemNames, type SystemNamesFiles } from './system-names.ts';
import { ZonePlaces } from './zone-places.ts';
import { zoneOf } from './zone.ts';

/** Times in milliseconds. */
export interface LookupLimits {
  /** Of one look-up, with all its search domains and tries. */
  readonly lookupMs: number;
  /** Of the first try at each name server. It doubles with each further round. Node rounds it up to whole seconds. */
  readonly tryMs: number;
  readonly tries: number;
  /** How long to wait for the other family once IPv4 or IPv6 has addresses. */
  readonly otherFamilyMs: number;
  /** Look-ups that run at once: all, and of one zone. */
  readonly running: number;
  readonly runningOfZone: number;
  /** Look-ups of one zone that wait for a place, and for how long. */
  readonly waitingOfZone: number;
  readonly waitMs: number;
  /** Bounds of the time for which addresses are kept; between them, the records' own time to live counts. */
  readonly shortestTtlMs: number;
  readonly longestTtlMs: number;
  /** How long it is remembered that a name has no address (RFC 2308), and that it could not be looked up (RFC 9520). */
  readonly absentMs: number;
  readonly failedMs: number;
  /** Estimated size of all that is remembered. */
  readonly cacheBytes: number;
}

export const DEFAULT_LOOKUP_LIMITS: LookupLimits = {
  lookupMs: 8_000,
  tryMs: 1_500,
  tries: 3,
  otherFamilyMs: 500,
  running: 256,
  runningOfZone: 8,
  waitingOfZone: 256,
  waitMs: 8_000,
  shortestTtlMs: 1_000,
  longestTtlMs: 300_000,
  absentMs: 5_000,
  failedMs: 2_000,
  cacheBytes: 4 * 1024 * 1024,
};

export interface NameLookupOptions extends Partial<SystemNamesFiles> {
  /** Name servers as for `dns.setServers`: `127.0.0.1:5353`. `null`: those of the system, read anew for each look-up. */
  readonly servers?: readonly string[] | null;
  readonly limits?: Partial<LookupLimits>;
}

type Remembered =
  | { readonly kind: 'addresses'; readonly addresses: readonly HostAddress[] }
  | { readonly kind: 'error'; readonly code: NameLookupErrorCode; readonly message: string };

const LOOPBACK: readonly HostAddress[] = [
  { address: '127.0.0.1', family: 4 },
  { address: '::1', family: 6 },
];

/**
 * Looks up names as `getaddrinfo` does with `hosts: files dns`: `/etc/hosts` first, then DNS with the search domains of
 * resolv.conf(5). Both files are read again when they change.
 *
 * Unlike `getaddrinfo`, a look-up takes no thread of libuv, of which two hanging look-ups hold all that Node uses for
 * names. Each look-up has a time limit; concurrent ones of a name are one; each zone has a share of those that run; and
 * answers are remembered for their time to live, in bounded memory.
 */
export class NameLookup implements Disposable {
  readonly #servers: readonly string[] | null;
  readonly #limits: LookupLimits;
  readonly #system: SystemNamesReader;
  readonly #remembered: LRUCache<string, Remembered>;
  readonly #running = new Map<string, Promise<Remembered>>();
  readonly #places: ZonePlaces;
  readonly #closed = new AbortController();
  #turn = 0;

  constructor(options: NameLookupOptions = {}) {
    const { servers = null, hostsFile = '/etc/hosts', resolverFile = '/etc/resolv.conf' } = options;
    this.#servers = servers;
    const limits = { ...DEFAULT_LOOKUP_LIMITS, ...options.limits };
    this.#limits = limits;
    this.#system = new SystemNamesReader({ hostsFile, resolverFile });
    this.#remembered = new LRUCache({ maxSize: limits.cacheBytes, sizeCalculation: sizeOf });
    this.#places = new ZonePlaces({
      most: limits.running,
      mostOfZone: limits.runningOfZone,
      mostWaiting: limits.waitingOfZone,
      waitMs: limits.waitMs,
      refusal: (zone) =>
        new NameLookupError(
          'EAI_AGAIN',
          `too many names of ${zone} are being looked up: its name servers are slow`,
        ),
    });
  }

  /**
   * All addresses of a host, in the order in which to try them. Never empty.
   * @param host a name in ASCII (punycode)
   * @throws {NameLookupError}
   */
  async addressesOf(host: string): Promise<readonly HostAddress[]> {
    return (await this.lookUp(host)).addresses;
  }

  /** As {@link addressesOf}, with the time for which DNS lets the addresses be kept; null if they are of `/etc/hosts`. */
  async lookUp(host: string): Promise<{
    readonly addresses: readonly HostAddress[];
    readonly ttlMs: number | null;
  }> {
    this.#closed.signal.throwIfAborted();
    const name = host.toLowerCase().replace(/\.$/, '');
    const system = await this.#system.read();
    const local = system.hosts.get(name) ?? (isLocalhost(name) ? LOOPBACK : null);
    if (local !== null) return { addresses: orderAddresses(local, 0), ttlMs: null };
    const answer = this.#remembered.get(name) ?? (await this.#lookUpOnce(name, system));
    if (answer.kind === 'error') throw new NameLookupError(answer.code, answer.message);
    const addresses = orderAddresses(answer.addresses, this.#turn++);
    return { addresses, ttlMs: this.#remembered.getRemainingTTL(name) };
  }

  /** Cancels all look-ups. */
  [Symbol.dispose](): void {
    this.#closed.abort(new NameLookupError('EAI_AGAIN', 'the name look-up was closed'));
  }

  #lookUpOnce(name: string, system: SystemNames): Promise<Remembered> {
    const running = this.#running.get(name);
    if (running !== undefined) return running;
    const started = this.#lookUp(name, system).finally(() => this.#running.delete(name));
    this.#running.set(name, started);
    return started;
  }

  async #lookUp(name: string, system: SystemNames): Promise<Remembered> {
    const answer = await this.#places.run(zoneOf(name), () => this.#ask(name, system));
    const { value, ttlMs } = this.#toRemember(name, answer);
    // To the cache, 0 would mean forever.
    this.#remembered.set(name, value, { ttl: Math.max(1, ttlMs) });
    return value;
  }

  async #ask(name: string, { search, ndots }: SystemNames): Promise<DnsAnswer> {
    const { lookupMs, tryMs, tries, otherFamilyMs } = this.#limits;
    this.#closed.signal.throwIfAborted();
    using limit = new TimeLimit(lookupMs, () => new Error('ETIMEOUT'));
    limit.endOn(this.#closed.signal);
    const { signal } = limit;
    let result: DnsAnswer = { kind: 'absent', exists: false };
    try {
      for (const candidate of candidates(name, search, ndots)) {
        const options = { servers: this.#servers, tryMs, tries, otherFamilyMs, signal };
        const answer = await queryAddresses(candidate, options);
        if (answer.kind === 'found') return answer;
        result = worse(result, answer);
        // As glibc: a server that fails for one domain may answer for the next, but silence would repeat itself.
        if (answer.kind === 'failed' && answer.detail !== 'ESERVFAIL') return result;
      }
    } catch (error) {
      if (!limit.timedOut) throw error;
      return { kind: 'failed', detail: `no answer within ${lookupMs / 1000} s` };
    }
    return result;
  }

  #toRemember(name: string, answer: DnsAnswer): { readonly value: Remembered; readonly ttlMs: number } {
    const { shortestTtlMs, longestTtlMs, absentMs, failedMs } = this.#limits;
    const error = (code: NameLookupErrorCode, what: string): Remembered => ({
      kind: 'error',
      code,
      message: `${name} ${what}`,
    });
    switch (answer.kind) {
      case 'found': {
        const ttlMs = Math.max(shortestTtlMs, Math.min(longestTtlMs, answer.ttlSeconds * 1000));
        return { value: { kind: 'addresses', addresses: answer.addresses }, ttlMs };
      }
      case 'absent':
        return answer.exists
          ? { value: error('EAI_NODATA', 'has no address'), ttlMs: absentMs }
          : { value: error('ENOTFOUND', 'does not exist'), ttlMs: absentMs };
      case 'failed':
        return { value: error('EAI_AGAIN', `could not be looked up: ${answer.detail}`), ttlMs: failedMs };
    }
  }
}

/** RFC 6761, section 6.3: such names never reach DNS. */
function isLocalhost(name: string): boolean {
  return name === 'localhost' || name.endsWith('.localhost');
}

/** The names to ask for, in order; see `search` and `ndots` in resolv.conf(5). */
function candidates(name: string, search: readonly string[], ndots: number): readonly string[] {
  const longer = search.map((domain) => `${name}.${domain}`).filter((each) => each.length <= 253);
  return name.split('.').length - 1 >= ndots ? [name, ...longer] : [...longer, name];
}

/** The answer to keep of two that found nothing: a failure, else that the name exists. */
function worse(one: DnsAnswer, other: DnsAnswer): DnsAnswer {
  if (one.kind === 'failed') return one;
  if (other.kind === 'failed') return other;
  return one.kind === 'absent' && one.exists ? one : other;
}

/** Estimated bytes of a remembered answer in memory. */
function sizeOf(value: Remembered, name: string): number {
  const own = value.kind === 'addresses' ? value.addresses.length * 120 : value.message.length * 2;
  return 300 + name.length * 2 + own;
}
