import { decodeBase64url } from './base64url.ts';
import { checkedOriginUrl } from './origin-parameter.ts';
import { RewriteError } from './rewrite-error.ts';

/** The components of a mirrored address. */
export interface MirroredUrl {
  /** The front end's public URL, without a trailing slash. */
  readonly mirror: string;
  readonly service: string;
  readonly region: string;
  readonly originUrl: string;
  readonly fileName: string | null;
}

const REDIRECT_PATH = /^(.*)\/v1\/redirect\/([^/]+)\/([^/]+)\/([A-Za-z0-9_-]+)(?:\/([^/]*\.[^/]*))?$/;

/**
 * The inverse of `rewriteUrl`. Accepts the canonical form only; the front end also accepts older spellings. Ignores a
 * query (`?wait=5`) and a fragment of the address.
 * @throws RewriteError `not_a_mirrored_url`
 */
export function decodeMirroredUrl(address: string): MirroredUrl {
  const url = URL.canParse(address) ? new URL(address) : null;
  const [, mount, service, region, parameter, fileName] = REDIRECT_PATH.exec(url?.pathname ?? '') ?? [];
  try {
    const originUrl = decodeBase64url(parameter ?? '');
    if (url === null || mount === undefined || service === undefined || region === undefined || !originUrl)
      throw notMirrored();
    if (checkedOriginUrl(originUrl) !== originUrl) throw notMirrored();
    return {
      mirror: `${url.origin}${mount}`.replace(/\/+$/, ''),
      service: decodeURIComponent(service),
      region: decodeURIComponent(region),
      originUrl,
      fileName: fileName === undefined ? null : decodeURIComponent(fileName),
    };
  } catch {
    throw notMirrored();
  }
}

function notMirrored(): RewriteError {
  return new RewriteError(
    'not_a_mirrored_url',
    'the address is not one that rewriteUrl produces',
    'give <mirror>/v1/redirect/<service>/<region>/<base64url of an http(s) URL>',
  );
}
