import { isIP } from 'node:net';
import ipaddr from 'ipaddr.js';

/** The proxies for requests to origins. Their URLs may contain credentials: never log them whole. */
export interface ProxySettings {
  /** For http URLs; `null` for none. */
  readonly http: URL | null;
  /** For https URLs; `null` for none. */
  readonly https: URL | null;
  /** Hosts that are reached directly, in the form of `NO_PROXY`; see {@link isExempt}. */
  readonly noProxy: string;
}

const EXPECTED = 'the address of an HTTP proxy, such as http://proxy.example.com:3128';

/**
 * What is wrong with the address of a proxy, for the operator; `null` if it is valid. As usual in `HTTPS_PROXY`, the
 * scheme is optional. Never quotes the address, because it may contain a password.
 */
export function checkProxy(text: string): { readonly found: string; readonly expected: string } | null {
  const fault = (found: string) => ({ found, expected: EXPECTED });
  if (/[\s\p{Cc}\\]/u.test(text))
    return fault('an address with white space, control characters or backslashes');
  const url = URL.parse(withScheme(text));
  if (url === null || url.hostname === '') return fault('a text that is not an address');
  if (url.protocol !== 'http:' && url.protocol !== 'https:')
    return fault(`a proxy of another kind (${url.protocol.slice(0, 20)})`);
  if (url.pathname !== '/' || /[?#]/.test(text))
    return fault('an address with a path, a query or a fragment');
  if (decoded(url.username) === null || decoded(url.password) === null)
    return fault('credentials that are not percent-encoded');
  return null;
}

/** @throws {TypeError} if {@link checkProxy} finds a fault */
export function parseProxy(text: string): URL {
  const fault = checkProxy(text);
  if (fault !== null) throw new TypeError(`${fault.found}; expected ${fault.expected}`);
  return new URL(withScheme(text));
}

/** `Proxy-Authorization` for the credentials in a proxy's URL (RFC 7617); `null` if it has none. */
export function proxyAuthorization({ username, password }: URL): string | null {
  if (username === '' && password === '') return null;
  const credentials = `${decoded(username) ?? ''}:${decoded(password) ?? ''}`;
  return `Basic ${Buffer.from(credentials).toString('base64')}`;
}

/**
 * The proxy for `url`; `null` for a direct connection. Loopback addresses never go through a proxy, which would connect
 * to its own loopback.
 */
export function proxyFor(url: URL, settings: ProxySettings | undefined): URL | null {
  if (settings === undefined) return null;
  const proxy = url.protocol === 'https:' ? settings.https : settings.http;
  return proxy === null || isLoopback(hostOf(url)) || isExempt(url, settings.noProxy) ? null : proxy;
}

/**
 * Whether `NO_PROXY` exempts a URL. Its members are separated by commas or white space. `*` matches every host. A name
 * matches that host and its subdomains, with or without a leading dot or `*.`. An address matches itself. A network in
 * CIDR form matches the URLs whose host is an address in it; names are not resolved. A port after a member limits it to
 * that port.
 */
export function isExempt(url: URL, noProxy: string): boolean {
  const host = hostOf(url);
  const port = url.port || (url.protocol === 'https:' ? '443' : '80');
  return noProxy
    .toLowerCase()
    .split(/[\s,]+/)
    .some((member) => {
      if (member === '') return false;
      if (member === '*') return true;
      if (member.includes('/')) return isInNetwork(host, member);
      const { name, limit } = splitPort(member);
      return (limit === null || limit === port) && isHostOrBelow(host, name);
    });
}

function splitPort(member: string): { readonly name: string; readonly limit: string | null } {
  if (isIP(member) !== 0) return { name: member, limit: null };
  const match = /^\[(.+)\](?::(\d{1,5}))?$/.exec(member) ?? /^(.*?)(?::(\d{1,5}))?$/.exec(member);
  return { name: match?.[1] ?? member, limit: match?.[2] ?? null };
}

function isHostOrBelow(host: string, member: string): boolean {
  const name = member.replace(/^\*?\./, '').replace(/\.$/, '');
  if (name === '') return false;
  if (isIP(name) !== 0 && isIP(host) !== 0)
    return ipaddr.parse(name).toNormalizedString() === ipaddr.parse(host).toNormalizedString();
  return host === name || (isIP(host) === 0 && host.endsWith(`.${name}`));
}

function isInNetwork(host: string, cidr: string): boolean {
  if (isIP(host) === 0) return false;
  try {
    const address = ipaddr.parse(host);
    const [network, bits] = ipaddr.parseCIDR(cidr);
    return network.kind() === address.kind() && address.match(network, bits);
  } catch {
    return false;
  }
}

function isLoopback(host: string): boolean {
  return (
    host === 'localhost' ||
    host.endsWith('.localhost') ||
    host === '::1' ||
    (isIP(host) === 4 && host.startsWith('127.'))
  );
}

function hostOf(url: URL): string {
  return url.hostname
    .replace(/^\[|\]$/g, '')
    .replace(/\.$/, '')
    .toLowerCase();
}

function withScheme(text: string): string {
  return /^[a-z][a-z0-9+.-]*:\/\//i.test(text) ? text : `http://${text}`;
}

function decoded(text: string): string | null {
  try {
    return decodeURIComponent(text);
  } catch {
    return null;
  }
}
