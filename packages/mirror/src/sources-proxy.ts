import type { Environment, Fault } from '@cloud-mirror/config';
import { checkProxy, parseProxy, type ProxySettings } from '@cloud-mirror/origin';
import { valueAt } from './config-values.ts';
import type { CrossFault } from './cross-fault.ts';

/** By kind of address; as with other programs, the spelling in lower case wins. */
const VARIABLES = {
  http: ['http_proxy', 'HTTP_PROXY'],
  https: ['https_proxy', 'HTTPS_PROXY'],
  none: ['no_proxy', 'NO_PROXY'],
} as const;

/** What `--help` says of them. */
export const PROXY_VARIABLES = {
  'HTTPS_PROXY, HTTP_PROXY': 'proxy for origins, where sources.proxy gives none',
  NO_PROXY: 'hosts that are asked directly all the same',
};

/**
 * The proxies for origins: `sources.proxy` for both kinds of address, else the environment's. `NO_PROXY` counts for
 * either.
 */
export function proxySettings(proxy: string | null, environment: Environment): ProxySettings {
  const of = (kind: 'http' | 'https'): URL | null => {
    const text = proxy ?? valueOf(environment, kind);
    return text === '' ? null : parseProxy(text);
  };
  return { http: of('http'), https: of('https'), noProxy: valueOf(environment, 'none') };
}

/** What is wrong with `sources.proxy`. */
export function proxyFaults(config: unknown): CrossFault[] {
  const proxy = valueAt(config, 'sources', 'proxy');
  const fault = typeof proxy === 'string' && proxy !== '' ? checkProxy(proxy) : null;
  return fault === null ? [] : [{ path: ['sources', 'proxy'], ...fault }];
}

/** What is wrong with the proxies of the environment. They count where `sources.proxy` is null. */
export function environmentProxyFaults(environment: Environment, config: unknown): Fault[] {
  if (typeof valueAt(config, 'sources', 'proxy') === 'string') return [];
  return [...VARIABLES.http, ...VARIABLES.https].flatMap((name) => {
    const text = environment[name] ?? '';
    const fault = text === '' ? null : checkProxy(text);
    return fault === null
      ? []
      : [{ path: name, found: `${fault.found} in the environment`, expected: fault.expected }];
  });
}

function valueOf(environment: Environment, kind: keyof typeof VARIABLES): string {
  for (const name of VARIABLES[kind]) {
    const value = environment[name];
    if (value !== undefined && value !== '') return value;
  }
  return '';
}
