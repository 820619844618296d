import type { Answer } from 'dns-packet';
import type { HostAddress } from '@cloud-mirror/name-lookup';
import { canServe, type Instance } from '@cloud-mirror/registry';
import type { Endpoint } from './app-names.ts';
import { RCODE, TYPE } from './constants.ts';
import type { DnsReply } from './dns-reply.ts';
import type { AddressedHost, HostAddresses } from './host-addresses.ts';
import type { InstanceNames, Named } from './instance-names.ts';
import { canonicalHost, reversedAddress } from './reverse-name.ts';
import { shuffled } from './shuffled.ts';

export interface ZoneSettings {
  /** In lower case, without a dot at its end. */
  readonly domain: string;
  /** A label under which all names are once more: Mesos-DNS's `marathon`. null: none. */
  readonly framework: string | null;
  readonly ttlSeconds: number;
  readonly negativeTtlSeconds: number;
}

export interface ZoneParts {
  readonly settings: ZoneSettings;
  readonly names: InstanceNames;
  readonly addresses: HostAddresses;
  /** The revision of the registry: the serial number of the zone. */
  readonly revision: () => number;
}

/** An address of an instance, and the time for which it may be kept. */
export interface InstanceAddress extends HostAddress {
  readonly ttlSeconds: number;
}

/** A service's endpoint as `/v1/services` and SRV records show it. */
export interface NamedEndpoint {
  /** `frontend-abcde.mirror.internal` */
  readonly target: string;
  readonly port: number;
  readonly addresses: readonly InstanceAddress[];
}

/** Whether the name server fails, since a host's name cannot be looked up. */
class LookupFailure extends Error {
  override readonly name = 'LookupFailure';
}

/** RFC 8482, section 4.2: an answer to ANY that says no more than that there is something. */
const ANY_CPU = 'RFC8482';
const SOA_SECONDS = { refresh: 60, retry: 10, expire: 600 } as const;

/** The names below the domain, and the reverse names of the instances. */
export class Zone {
  readonly #parts: ZoneParts;
  readonly #below: string;

  constructor(parts: ZoneParts) {
    this.#parts = parts;
    this.#below = `.${parts.settings.domain}`;
  }

  /** Whether this server alone answers for a name. */
  has(name: string): boolean {
    if (name === this.#parts.settings.domain || name.endsWith(this.#below)) return true;
    const address = reversedAddress(name);
    return address !== null && this.#at(address).length > 0;
  }

  async answer(name: string, type: number): Promise<DnsReply> {
    try {
      return await this.#answer(name, type);
    } catch (error) {
      if (!(error instanceof LookupFailure)) throw error;
      return { rcode: RCODE.SERVFAIL, isAuthoritative: false };
    }
  }

  /** The addresses of a name's instances, without duplicates. Empty if there are none, or no such name. */
  async addressesOf(name: string): Promise<readonly InstanceAddress[]> {
    const named = this.#find(name);
    return named?.kind === 'hosts' ? this.#addresses(named.instances) : [];
  }

  /** The endpoints of a name such as `_frontend._tcp.mirror.internal`. */
  async endpointsOf(name: string): Promise<readonly NamedEndpoint[]> {
    const named = this.#find(name);
    return named?.kind === 'services' ? this.#endpoints(named.endpoints, this.#suffixOf(name)) : [];
  }

  async #answer(name: string, type: number): Promise<DnsReply> {
    const { domain } = this.#parts.settings;
    if (name === domain)
      return type === TYPE.SOA ? found([this.#soa()]) : type === TYPE.ANY ? this.#any(name) : this.#noData();
    if (!name.endsWith(this.#below)) return this.#reverse(name, type);
    const named = this.#find(name);
    if (named === null) return this.#negative(RCODE.NXDOMAIN);
    if (type === TYPE.ANY) return this.#any(name);
    if (named.kind === 'hosts' && (type === TYPE.A || type === TYPE.AAAA))
      return this.#orNoData(await this.#addressRecords(name, type, named.instances));
    if (named.kind === 'services' && type === TYPE.SRV) return this.#serviceRecords(name, named.endpoints);
    return this.#noData();
  }

  #find(name: string): Named | null {
    const { framework } = this.#parts.settings;
    if (!name.endsWith(this.#below)) return null;
    const labels = name.slice(0, -this.#below.length).split('.');
    const named = this.#parts.names.find(labels);
    if (named !== null || framework === null || labels.at(-1) !== framework) return named;
    return labels.length === 1 ? { kind: 'inner' } : this.#parts.names.find(labels.slice(0, -1));
  }

  /** What follows the label of an instance: the domain, or the framework and the domain, as the client asked. */
  #suffixOf(name: string): string {
    const { framework } = this.#parts.settings;
    const marked = `.${framework ?? ''}${this.#below}`;
    return framework !== null && name.endsWith(marked) ? marked : this.#below;
  }

  async #addressRecords(name: string, type: number, instances: readonly Instance[]): Promise<Answer[]> {
    const family = type === TYPE.A ? 4 : 6;
    const addresses = await this.#addresses(instances);
    return shuffled(addresses.filter((each) => each.family === family)).map((each) =>
      addressRecord(name, each),
    );
  }

  async #serviceRecords(name: string, all: readonly Endpoint[]): Promise<DnsReply> {
    const endpoints = shuffled(await this.#endpoints(all, this.#suffixOf(name)));
    if (endpoints.length === 0) return this.#noData();
    const ttl = this.#parts.settings.ttlSeconds;
    const targets = new Map(endpoints.map(({ target, addresses }) => [target, addresses]));
    return {
      ...found(
        endpoints.map(({ target, port }): Answer => ({
          type: 'SRV',
          name,
          ttl,
          // Equal weights: weight 0 would mean hardly ever beside others (RFC 2782).
          data: { priority: 0, weight: 1, port, target },
        })),
      ),
      additionals: [...targets].flatMap(([target, addresses]) =>
        addresses.map((each) => addressRecord(target, each)),
      ),
    };
  }

  async #reverse(name: string, type: number): Promise<DnsReply> {
    const address = reversedAddress(name);
    const instances = address === null ? [] : this.#at(address);
    const serving = instances.filter(canServe);
    if (type === TYPE.ANY) return this.#any(name);
    if (type !== TYPE.PTR || serving.length === 0) return { rcode: RCODE.NOERROR, isAuthoritative: true };
    const ttl = this.#parts.settings.ttlSeconds;
    return found(
      shuffled(serving).map((instance): Answer => ({
        type: 'PTR',
        name,
        ttl,
        data: this.#parts.names.labelOf(instance) + this.#below,
      })),
    );
  }

  /** The instances at an IP address. */
  #at(address: string): Instance[] {
    const { names, addresses } = this.#parts;
    return [address, ...addresses.hostsAt(address)].flatMap((host) => names.atHost(host));
  }

  async #endpoints(endpoints: readonly Endpoint[], suffix: string): Promise<NamedEndpoint[]> {
    const hosts = await this.#hosts(endpoints.map(({ instance }) => instance.host));
    return endpoints.map(({ instance, port }) => ({
      target: this.#parts.names.labelOf(instance) + suffix,
      port: port.port,
      addresses: hosts.get(canonicalHost(instance.host)) ?? [],
    }));
  }

  async #addresses(instances: readonly Instance[]): Promise<InstanceAddress[]> {
    const hosts = await this.#hosts(instances.map(({ host }) => host));
    const unique = new Map<string, InstanceAddress>();
    for (const addresses of hosts.values()) for (const each of addresses) unique.set(each.address, each);
    return [...unique.values()];
  }

  /** @throws LookupFailure if no host has an address, and some could not be looked up */
  async #hosts(hosts: readonly string[]): Promise<Map<string, InstanceAddress[]>> {
    const { addresses } = this.#parts;
    const now = performance.now();
    const byHost = new Map<string, InstanceAddress[]>();
    const asked: Promise<readonly [string, AddressedHost | null]>[] = [];
    for (const host of new Set(hosts.map(canonicalHost))) {
      const known = addresses.known(host, now);
      if (known !== null) byHost.set(host, this.#withTtl(known, now));
      else asked.push(addresses.lookUp(host, now).then((each) => [host, each]));
    }
    if (asked.length === 0) return byHost;
    let failed = false;
    for (const [host, each] of await Promise.all(asked)) {
      if (each === null) failed = true;
      else byHost.set(host, this.#withTtl(each, now));
    }
    if (failed && [...byHost.values()].every((each) => each.length === 0)) throw new LookupFailure();
    return byHost;
  }

  #withTtl({ addresses, expiresAtMs }: AddressedHost, now: number): InstanceAddress[] {
    const { ttlSeconds } = this.#parts.settings;
    const left = expiresAtMs === null ? ttlSeconds : Math.max(0, Math.ceil((expiresAtMs - now) / 1000));
    return addresses.map((each) => ({ ...each, ttlSeconds: Math.min(ttlSeconds, left) }));
  }

  #any(name: string): DnsReply {
    const { ttlSeconds } = this.#parts.settings;
    return found([{ type: 'HINFO', name, ttl: ttlSeconds, data: { cpu: ANY_CPU, os: '' } }]);
  }

  #orNoData(answers: readonly Answer[]): DnsReply {
    return answers.length === 0 ? this.#noData() : found(answers);
  }

  /** The name exists, but has no record of the type (RFC 2308, section 2.2). */
  #noData(): DnsReply {
    return this.#negative(RCODE.NOERROR);
  }

  #negative(rcode: DnsReply['rcode']): DnsReply {
    return { rcode, isAuthoritative: true, authorities: [this.#soa()] };
  }

  /** RFC 2308, section 3: its own TTL and its `minimum` say how long a negative answer holds. */
  #soa(): Answer {
    const { domain, negativeTtlSeconds } = this.#parts.settings;
    return {
      type: 'SOA',
      name: domain,
      ttl: negativeTtlSeconds,
      data: {
        mname: `ns.${domain}`,
        rname: `hostmaster.${domain}`,
        serial: this.#parts.revision() % 2 ** 32,
        ...SOA_SECONDS,
        minimum: negativeTtlSeconds,
      },
    };
  }
}

function found(answers: readonly Answer[]): DnsReply {
  return { rcode: RCODE.NOERROR, isAuthoritative: true, answers };
}

function addressRecord(name: string, { address, family, ttlSeconds }: InstanceAddress): Answer {
  return { type: family === 4 ? 'A' : 'AAAA', name, ttl: ttlSeconds, data: address };
}
