import type { IncomingMessage } from 'node:http';
import { SecretValues } from '@cloud-mirror/program';
import type { ParsedCall } from './parsed-call.ts';
import { decodeOriginUrlParameter } from './redirect/origin-url-parameter.ts';

/**
 * The secrets that a request brings: its credentials, its own query, and those of the origin URL that it names, also if
 * that URL is not in the expected form. Nothing is computed unless a line is logged.
 */
export function requestSecrets({ headers, url = '' }: IncomingMessage, call: ParsedCall): SecretValues {
  return new SecretValues((secrets) => {
    for (const name of ['authorization', 'proxy-authorization', 'cookie'] as const)
      secrets.addHeader(headers[name]);
    secrets.addText(url);
    const origin = originUrlOf(call);
    if (origin !== null) secrets.addUrl(origin);
  });
}

function originUrlOf(call: ParsedCall): URL | null {
  if (call.kind === 'redirect') return call.url;
  if (call.kind !== 'operator') return null;
  try {
    return decodeOriginUrlParameter(call.path.parameter, Infinity);
  } catch {
    return null;
  }
}
