import { isIP } from 'node:net';
import { z } from 'zod';
import { cidr, flag, host, listOf, port, seconds, section, text } from '@cloud-mirror/config';
import { haproxySchema } from './haproxy-schema.ts';

const RESOLVER_EXPECTED = 'the IP address of a name server, with or without a port: 192.0.2.53:5353';
const DNS_PORT = 53;
const LABEL = '[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?';
const LONGEST_DOMAIN = 128;

/** The section `discovery`. */
export const discoverySchema = section({
  host: host().default('127.0.0.1'),
  port: port().default(8123),
  dns: section({
    enabled: flag().default(false),
    host: host().default('127.0.0.1'),
    port: port().default(5353),
    domain: domain().default('mirror.internal'),
    framework: text('one label of a DNS name, such as marathon', new RegExp(`^${LABEL}$`, 'i'))
      .transform((label) => label.toLowerCase())
      .nullable()
      .default(null),
    ttlSeconds: seconds(0).default(5),
    negativeTtlSeconds: seconds(0).default(5),
    resolvers: listOf(resolver(), 'a list of name servers').default([]),
    recursionFor: listOf(cidr(), 'a list of address ranges').default([
      '127.0.0.0/8',
      '::1/128',
      '10.0.0.0/8',
      '172.16.0.0/12',
      '192.168.0.0/16',
      'fc00::/7',
    ]),
    staleSeconds: seconds(0).default(300),
  }),
  haproxy: haproxySchema,
});

export type DiscoverySettings = z.output<typeof discoverySchema>;

function domain() {
  const expected = 'a domain of letters, digits and hyphens, such as mirror.internal';
  const pattern = new RegExp(`^(?:${LABEL}\\.)*${LABEL}\\.?$`, 'i');
  return z
    .string({ error: expected })
    .refine((value) => pattern.test(value) && value.length <= LONGEST_DOMAIN, { error: expected })
    .transform((value) => value.toLowerCase().replace(/\.$/, ''));
}

function resolver() {
  return z
    .string({ error: RESOLVER_EXPECTED })
    .refine((value) => parseResolver(value) !== null, { error: RESOLVER_EXPECTED })
    .transform((value) => parseResolver(value) ?? { address: value, port: DNS_PORT });
}

/**
 * Reads the address of a name server: `192.0.2.1`, `192.0.2.1:5353`, `2001:db8::1`, `[2001:db8::1]:5353`.
 * @returns null if it is none
 */
function parseResolver(value: string): { address: string; port: number } | null {
  if (isIP(value) !== 0) return value.includes('%') ? null : { address: value, port: DNS_PORT };
  const match = /^(?:\[([0-9A-Fa-f:.]+)\]|([\d.]+))(?::(\d{1,5}))?$/.exec(value);
  if (match === null) return null;
  const [, ipv6, ipv4, portText] = match;
  const address = ipv6 ?? ipv4 ?? '';
  const own = portText === undefined ? DNS_PORT : Number(portText);
  if (isIP(address) !== (ipv6 === undefined ? 4 : 6) || own < 1 || own > 65_535) return null;
  return { address, port: own };
}
