import { isIPv6 } from 'node:net';

/** A server, and the credentials to log in to it. */
export interface RedisAddress {
  readonly host: string;
  readonly port: number;
  readonly db?: number;
  readonly username?: string;
  readonly password?: string;
  /** `true` for `rediss://`, `false` for `redis://`, undefined without a scheme. */
  readonly tls?: boolean;
}

/** What is wrong with an address. Neither text quotes the address, because a password may be in the wrong place. */
export interface RedisAddressFault {
  readonly found: string;
  readonly expected: string;
}

export type RedisAddressResult =
  | { readonly ok: true; readonly address: RedisAddress }
  | { readonly ok: false; readonly fault: RedisAddressFault };

const DEFAULT_PORT = 6_379;
const LARGEST_DB = 2 ** 31 - 1;
const USER_INFO =
  'user:password@host, where the user and password have %23 for #, %2F for /, %3F for ?, %40 for @ and %25 for %';

/** Carries a fault from a parsing function to {@link parseRedisAddress}. */
class Refused extends Error {
  readonly fault: RedisAddressFault;

  constructor(found: string, expected: string) {
    super(found);
    this.fault = { found, expected };
  }
}

/**
 * Parses `redis://user:password@host:port/db`, `rediss://…` for TLS
 * (https://www.iana.org/assignments/uri-schemes/prov/redis), or `host:port`.
 *
 * It does not use the WHATWG URL parser, which reads the beginning of a password with an unescaped `#`, `/` or `?` as
 * the host. A query is a fault, because options in it could override the time limits.
 */
export function parseRedisAddress(
  text: string,
  { defaultPort = DEFAULT_PORT }: { readonly defaultPort?: number } = {},
): RedisAddressResult {
  try {
    const { tls, rest } = splitScheme(text);
    if (/[\s\p{Cc}]/u.test(rest))
      throw new Refused('white space or a control character', 'none; %20 for a space');
    const { userInfo, place } = splitUserInfo(rest);
    const { authority, db } = splitPath(place);
    const server = hostAndPort(authority, defaultPort, {
      mayBeEmpty: tls !== undefined && userInfo === null,
    });
    return {
      ok: true,
      address: {
        ...server,
        ...(db !== null && { db }),
        ...(userInfo !== null && credentials(userInfo)),
        ...(tls !== undefined && { tls }),
      },
    };
  } catch (error) {
    if (error instanceof Refused) return { ok: false, fault: error.fault };
    throw error;
  }
}

function splitScheme(text: string): { readonly tls: boolean | undefined; readonly rest: string } {
  const socket = 'host:port; Redis must listen on a TCP port, not only on a unix socket';
  if (/^[./~]/.test(text)) throw new Refused('a path', socket);
  const [start, scheme] = /^([A-Za-z][A-Za-z0-9+.-]*):\/\//.exec(text) ?? [];
  if (start === undefined || scheme === undefined) {
    if (/^rediss?:/i.test(text)) throw new Refused('a scheme without //', 'redis:// or rediss://');
    return { tls: undefined, rest: text };
  }
  const rest = text.slice(start.length);
  switch (scheme.toLowerCase()) {
    case 'redis':
      return { tls: false, rest };
    case 'rediss':
      return { tls: true, rest };
    default:
      if (/unix|sock/i.test(scheme)) throw new Refused('the scheme of a unix socket', socket);
      throw new Refused('another scheme', 'redis://, or rediss:// for TLS');
  }
}

function splitUserInfo(rest: string): { readonly userInfo: string | null; readonly place: string } {
  const at = rest.indexOf('@');
  if (at === -1) return { userInfo: null, place: rest };
  if (rest.includes('@', at + 1)) throw new Refused('several @', `one; ${USER_INFO}`);
  const userInfo = rest.slice(0, at);
  const [sign] = /[#/?]/.exec(userInfo) ?? [];
  if (sign !== undefined)
    throw new Refused(
      `an unescaped ${sign} before the @`,
      `${USER_INFO}; or entries.username and entries.password`,
    );
  return { userInfo, place: rest.slice(at + 1) };
}

function credentials(userInfo: string): Pick<RedisAddress, 'username' | 'password'> {
  const colon = userInfo.indexOf(':');
  const username = unescaped(colon === -1 ? userInfo : userInfo.slice(0, colon));
  const password = colon === -1 ? '' : unescaped(userInfo.slice(colon + 1));
  return { ...(username !== '' && { username }), ...(password !== '' && { password }) };
}

function unescaped(text: string): string {
  if (/%(?![0-9A-Fa-f]{2})/.test(text))
    throw new Refused('a % that begins no escape', `%25 for each %; ${USER_INFO}`);
  try {
    return decodeURIComponent(text);
  } catch {
    throw new Refused(
      'escapes that are not UTF-8',
      '%25 for a literal %, or each byte of the UTF-8 text as % and two hexadecimal digits',
    );
  }
}

function splitPath(place: string): { readonly authority: string; readonly db: number | null } {
  if (place.includes('?'))
    throw new Refused(
      'a query',
      'none; set the database by /N or entries.db and the time limit by entries.commandTimeoutMs, or write %3F for a ? in a password',
    );
  if (place.includes('#')) throw new Refused('a #', 'none; %23 for a # in a password');
  const slash = place.indexOf('/');
  if (slash === -1) return { authority: place, db: null };
  const authority = place.slice(0, slash);
  const path = place.slice(slash + 1);
  if (path === '') return { authority, db: null };
  if (!/^\d{1,10}$/.test(path) || Number(path) > LARGEST_DB)
    throw new Refused(
      'a path that is not one number',
      '/N, where N is the number of a database; %2F for a / in a password',
    );
  return { authority, db: Number(path) };
}

function hostAndPort(
  authority: string,
  defaultPort: number,
  { mayBeEmpty }: { readonly mayBeEmpty: boolean },
): { readonly host: string; readonly port: number } {
  if (authority === '' && mayBeEmpty) return { host: 'localhost', port: defaultPort };
  const [, address, addressPort] = /^\[([^\]]*)\](.*)$/.exec(authority) ?? [];
  if (address !== undefined && addressPort !== undefined) {
    const host = address.replace('%25', '%');
    if (!isIPv6(host)) throw new Refused('brackets without an IPv6 address', 'an address like [::1]:6379');
    return { host, port: portIn(addressPort, defaultPort) };
  }
  if (authority.includes('[') || authority.includes(']'))
    throw new Refused('a bracket that does not enclose an IPv6 address', 'an address like [::1]:6379');
  if ((authority.match(/:/g)?.length ?? 0) > 1)
    throw new Refused('several colons in the host', 'an IPv6 address in brackets: [::1]:6379');
  const colon = authority.indexOf(':');
  const host = colon === -1 ? authority : authority.slice(0, colon);
  if (host === '') throw new Refused('no host', 'the name or address of a server');
  if (!/^[A-Za-z0-9._-]+$/.test(host))
    throw new Refused(
      'an invalid host name',
      'ASCII letters, digits, dots, dashes and underscores (xn--… for other characters)',
    );
  return { host, port: portIn(colon === -1 ? '' : authority.slice(colon), defaultPort) };
}

/** @param text empty, or a colon and the TCP port */
function portIn(text: string, defaultPort: number): number {
  if (text === '') return defaultPort;
  const port = /^:(\d{1,5})$/.exec(text)?.[1];
  if (port === undefined || Number(port) === 0 || Number(port) > 65_535)
    throw new Refused(
      'an invalid port',
      'a number from 1 to 65535, or user:password@host if this is a password',
    );
  return Number(port);
}
