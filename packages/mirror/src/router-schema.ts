import { z } from 'zod';
import {
  host,
  httpUrl,
  listOf,
  oneOf,
  port,
  seconds,
  section,
  strictMapping,
  text,
} from '@cloud-mirror/config';

/** The longest life of a SigV4 signature. */
const LONGEST_LIFE_SECONDS = 604_800;

const KEY_EXPECTED = '32 bytes in base64, such as from: openssl rand -base64 32';

const keys = {
  host: host().default('127.0.0.1'),
  port: port().default(9000),
  /** How clients reach the router. null: at its own address. */
  publicUrl: httpUrl().nullable().default(null),
  sealKey: sealKeys(),
  signedSeconds: seconds(1, LONGEST_LIFE_SECONDS).default(10),
  readers: oneOf(['open', 'token']).default('open'),
  writers: oneOf(['open', 'token']).default('token'),
  routesFile: text('the path of a file', /^[^\0]+$/).default('routes.json'),
  hosts: listOf(
    text('a host name or an IP address', /^[A-Za-z0-9._:[\]-]+$/),
    'a list of host names',
  ).default([]),
  keepAliveSeconds: seconds(1, 86_400).default(75),
  drainSeconds: seconds(1, 86_400).default(30),
  health: strictMapping({ host: host().default('127.0.0.1'), port: port().default(9001) })
    .nullable()
    .default({ host: '127.0.0.1', port: 9001 }),
};

/** The section `router`, as the router reads it. */
export const routerSchema = section(keys);

/** The section `router` of the standalone program, which runs a router only if the section is there. */
export const embeddedRouterSchema = strictMapping(keys).nullable().default(null);

export type RouterSettings = z.output<typeof routerSchema>;

/**
 * One key or a list of keys, of which the first one seals and all open, so that a key can be replaced. Empty strings in the
 * list count as absent, for variables that are not set. Read as a list; null and an empty string are an empty list.
 */
export function sealKeys() {
  return z
    .preprocess(
      (value) =>
        value === null || value === undefined ? [] : Array.isArray(value) ? (value as unknown[]) : [value],
      z.array(
        z
          .string({ error: KEY_EXPECTED })
          .refine((value) => value === '' || isKey(value), { error: KEY_EXPECTED }),
        { error: KEY_EXPECTED },
      ),
    )
    .transform((keys) => keys.filter((key) => key !== ''));
}

function isKey(value: string): boolean {
  const bytes = Buffer.from(value, 'base64');
  return bytes.length === 32 && bytes.toString('base64') === value;
}
