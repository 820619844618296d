import type { Environment, Fault } from '@cloud-mirror/config';
import { checkProxy, parseProxy, type ProxySettings } from '@cloud-mirror/origin';
import { valueAt } from '@cloud-mirror/config';
import type { CrossFault } from './cross-fault.ts';

/** By URL scheme. As in other programs, the lower-case spelling takes precedence. */
const VARIABLES = {
  http: ['http_proxy', 'HTTP_PROXY'],
  https: ['https_proxy', 'HTTPS_PROXY'],
  none: ['no_proxy', 'NO_PROXY'],
} as const;

/** The descriptions in `--help`. */
export const PROXY_VARIABLES = {
  'HTTPS_PROXY, HTTP_PROXY': 'proxy for origins, if sources.proxy is not set',
  NO_PROXY: 'hosts that are reached without the proxy',
};

/**
 * The proxies for origins: `sources.proxy` for both schemes, or else those of the environment. `NO_PROXY` applies to
 * both.
 */
export function proxySettings(proxy: string | null, environment: Environment): ProxySettings {
  const of = (kind: 'http' | 'https'): URL | null => {
    const text = proxy ?? valueOf(environment, kind);
    return text === '' ? null : parseProxy(text);
  };
  return { http: of('http'), https: of('https'), noProxy: valueOf(environment, 'none') };
}

/** Checks `sources.proxy`. */
export function proxyFaults(config: unknown): CrossFault[] {
  const proxy = valueAt(config, 'sources', 'proxy');
  const fault = typeof proxy === 'string' && proxy !== '' ? checkProxy(proxy) : null;
  return fault === null ? [] : [{ path: ['sources', 'proxy'], ...fault }];
}

/** Checks the proxies in the environment, which are used if `sources.proxy` is null. */
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
