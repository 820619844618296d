import type { Outcome } from '@cloud-mirror/dns-names';
import { Counter, Gauge, type Registry } from 'prom-client';

const RCODES: Readonly<Record<number, string>> = {
  0: 'noerror',
  1: 'formerr',
  2: 'servfail',
  3: 'nxdomain',
  4: 'notimp',
  5: 'refused',
};

/** The metrics of the name server. No label has a name or a client. */
export class DnsMetrics {
  readonly #queries: Counter<'transport' | 'source' | 'result'>;

  /** @param registryAgeMs how long ago the registry was read */
  constructor(registry: Registry, registryAgeMs: () => number) {
    const registers = [registry];
    this.#queries = new Counter({
      name: 'cloud_mirror_dns_messages_total',
      help: 'DNS messages by transport (udp, tcp), source of the answer (registry, resolver, none) and result: the response code, ignored, dropped or overload',
      labelNames: ['transport', 'source', 'result'],
      registers,
    });
    new Gauge({
      name: 'cloud_mirror_dns_registry_age_seconds',
      help: 'How long ago the registry was read that the names are from',
      registers,
      collect() {
        this.set(registryAgeMs() / 1000);
      },
    });
  }

  count(outcome: Outcome): void {
    const isAnswer = outcome.kind === 'answered';
    this.#queries.inc({
      transport: outcome.over,
      source: isAnswer ? outcome.source : 'none',
      result: isAnswer ? (RCODES[outcome.rcode] ?? 'other') : outcome.kind,
    });
  }
}
