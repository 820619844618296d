import { isIP } from 'node:net';
import { LRUCache } from 'lru-cache';
import type { NameLookup } from '@cloud-mirror/name-lookup';
import { NameLookupError, type HostAddress } from '@cloud-mirror/name-lookup';
import { settleWithin } from '@cloud-mirror/waiting';
import { canonicalAddress } from './reverse-name.ts';

/** The addresses of a host, and for how long they hold. */
export interface AddressedHost {
  readonly addresses: readonly HostAddress[];
  /** null: as long as the host is announced. */
  readonly expiresAtMs: number | null;
}

export interface HostAddressesOptions {
  readonly lookup: NameLookup;
  /** Whether a name is one that this server answers itself. Such a host is not looked up: it would wait for itself. */
  readonly isOwn: (name: string) => boolean;
}

const LOOKUP_MS = 2_000;
const MOST_HOSTS = 10_000;
/** How long addresses hold that come from /etc/hosts or could not be looked up again. */
const BRIEF_MS = 2_000;

/** Looks up the hosts of instances that announced a name instead of an address. Hosts are as `canonicalHost` writes them. */
export class HostAddresses {
  readonly #options: HostAddressesOptions;
  readonly #known: LRUCache<string, AddressedHost>;
  /** Hosts with names by address. */
  readonly #hosts = new Map<string, Set<string>>();

  constructor(options: HostAddressesOptions) {
    this.#options = options;
    this.#known = new LRUCache({
      max: MOST_HOSTS,
      dispose: ({ addresses }, host) => this.#forget(host, addresses),
    });
  }

  /** What is known at once: always, if the host is an IP address. */
  known(host: string, nowMs: number): AddressedHost | null {
    const family = isIP(host);
    if (family === 4 || family === 6) return { addresses: [{ address: host, family }], expiresAtMs: null };
    const known = this.#known.get(host);
    return known !== undefined && (known.expiresAtMs ?? 0) > nowMs ? known : null;
  }

  /** The hosts with names that have or last had an address. */
  hostsAt(address: string): readonly string[] {
    return [...(this.#hosts.get(address) ?? [])];
  }

  /**
   * Looks a host up again. If that fails, its last addresses count on.
   * @returns null if it could not be looked up and never was
   */
  async lookUp(host: string, nowMs: number): Promise<AddressedHost | null> {
    const { lookup, isOwn } = this.#options;
    if (isOwn(host)) return { addresses: [], expiresAtMs: nowMs + BRIEF_MS };
    const found = await settleWithin(this.#ask(lookup, host), LOOKUP_MS, null);
    if (found === null) {
      const last = this.#known.get(host)?.addresses ?? [];
      return last.length === 0 ? null : { addresses: last, expiresAtMs: nowMs + BRIEF_MS };
    }
    const { addresses, ttlMs } = found;
    const addressed = { addresses, expiresAtMs: nowMs + (ttlMs ?? BRIEF_MS) };
    this.#known.set(host, addressed);
    for (const each of addresses) this.#remember(host, each);
    return addressed;
  }

  /** @returns null if the look-up failed */
  async #ask(
    lookup: NameLookup,
    host: string,
  ): Promise<{ addresses: readonly HostAddress[]; ttlMs: number | null } | null> {
    try {
      return await lookup.lookUp(host);
    } catch (error) {
      if (!(error instanceof NameLookupError)) throw error;
      return error.retryable ? null : { addresses: [], ttlMs: null };
    }
  }

  #remember(host: string, { address }: HostAddress): void {
    const key = canonicalAddress(address);
    const hosts = this.#hosts.get(key) ?? new Set();
    this.#hosts.set(key, hosts.add(host));
  }

  #forget(host: string, addresses: readonly HostAddress[]): void {
    for (const { address } of addresses) {
      const key = canonicalAddress(address);
      const hosts = this.#hosts.get(key);
      hosts?.delete(host);
      if (hosts?.size === 0) this.#hosts.delete(key);
    }
  }
}
