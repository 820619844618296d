import { NameLookup } from '@cloud-mirror/name-lookup';
import { DnsListener, type Outcome } from './dns-listener.ts';
import { Forwarder } from './forwarder.ts';
import { HostAddresses } from './host-addresses.ts';
import { NameServer } from './name-server.ts';
import { RegistryNames, type RegistrySource } from './registry-names.ts';
import { ReplyLimits, type ReplyLimitsOptions } from './reply-limits.ts';
import { resolverText, type SocketAddress } from './socket-address.ts';
import { Zone, type NamedEndpoint } from './zone.ts';

/** The section `discovery.dns` of the configuration. */
export interface DnsSettings {
  readonly host: string;
  readonly port: number;
  readonly domain: string;
  readonly framework: string | null;
  readonly ttlSeconds: number;
  readonly negativeTtlSeconds: number;
  /** In the order in which they are asked. */
  readonly resolvers: readonly SocketAddress[];
  readonly recursionFor: readonly string[];
  readonly staleSeconds: number;
}

export interface DnsParts {
  readonly settings: DnsSettings;
  readonly source: RegistrySource;
  readonly limits: ReplyLimitsOptions;
  readonly onOutcome: (outcome: Outcome) => void;
  readonly onError: (error: Error) => void;
}

/** The address of an instance, in Mesos-DNS's shape. */
export interface HostRecord {
  readonly host: string;
  readonly ip: string;
}

/** An endpoint of a service, in Mesos-DNS's shape. */
export interface ServiceRecord {
  readonly service: string;
  readonly host: string;
  readonly ip: string;
  readonly port: string;
}

export interface RunningDns extends AsyncDisposable {
  /** `127.0.0.1:5353` */
  readonly address: string;
  /** The age of what it knows of the registry, in milliseconds. */
  readonly ageMs: number;
  readonly isStale: boolean;
  /** @param name with or without a dot at its end, in any case */
  hosts(name: string): Promise<HostRecord[]>;
  services(name: string): Promise<ServiceRecord[]>;
}

/** Serves the names of the instances in a registry. */
export async function openDns({
  settings,
  source,
  limits,
  onOutcome,
  onError,
}: DnsParts): Promise<RunningDns> {
  await using opening = new AsyncDisposableStack();
  const { resolvers } = settings;
  const lookup = opening.use(
    new NameLookup({ servers: resolvers.length === 0 ? null : resolvers.map(resolverText) }),
  );
  const domain = withoutDot(settings.domain);
  const registryNames = opening.use(
    new RegistryNames({ source, staleSeconds: settings.staleSeconds, onError }),
  );
  const zone = new Zone({
    settings: { ...settings, domain },
    names: registryNames.names,
    addresses: new HostAddresses({
      lookup,
      isOwn: (name) => name === domain || name.endsWith(`.${domain}`),
    }),
    revision: () => registryNames.revision,
  });
  const server = new NameServer({
    zone,
    forwarder: new Forwarder({ resolvers, onError }),
    recursionFor: settings.recursionFor,
    isStale: () => registryNames.isStale,
  });
  const listener = opening.use(
    await DnsListener.open({
      host: settings.host,
      port: settings.port,
      server,
      limits: new ReplyLimits(limits),
      onOutcome,
      onError,
    }),
  );
  const resources = opening.move();
  return {
    address: listener.address,
    get ageMs() {
      return registryNames.ageMs;
    },
    get isStale() {
      return registryNames.isStale;
    },
    async hosts(name) {
      const addresses = await zone.addressesOf(withoutDot(name));
      return addresses.map(({ address }) => ({ host: `${withoutDot(name)}.`, ip: address }));
    },
    async services(name) {
      const endpoints = await zone.endpointsOf(withoutDot(name));
      return endpoints.flatMap((endpoint) => serviceRecords(`${withoutDot(name)}.`, endpoint));
    },
    [Symbol.asyncDispose]: () => resources.disposeAsync(),
  };
}

/** One record for each endpoint: with its first address, IPv4 before IPv6. */
function serviceRecords(service: string, { target, port, addresses }: NamedEndpoint): ServiceRecord[] {
  const first = addresses.find(({ family }) => family === 4) ?? addresses[0];
  return [{ service, host: `${target}.`, ip: first?.address ?? '', port: String(port) }];
}

function withoutDot(name: string): string {
  return name.toLowerCase().replace(/\.$/, '');
}
