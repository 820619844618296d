import { encodeBase64url } from './base64url.ts';
import { RewriteError } from './rewrite-error.ts';

/**
 * Checks an origin URL and returns it unchanged but for its fragment. The mirror itself converts it to WHATWG normal
 * form.
 * @throws RewriteError for a URL that the mirror would refuse
 */
export function checkedOriginUrl(originUrl: string): string {
  // Checked on the raw text: the WHATWG parser drops line breaks and outer white space, and turns backslashes into
  // slashes.
  if (/[\s\p{Cc}\\]/u.test(originUrl) || !originUrl.isWellFormed())
    throw new RewriteError(
      'origin_with_forbidden_characters',
      'the origin URL contains white space, a control character, a backslash or a lone surrogate',
      'percent-encode it (a space is %20)',
    );
  const url = URL.canParse(originUrl) ? new URL(originUrl) : null;
  if (url === null)
    throw new RewriteError(
      'origin_not_a_url',
      'the origin is not an absolute URL',
      'give the whole URL, such as https://artifacts.example.com/builds/1/app.tar.gz',
    );
  if (url.protocol !== 'https:' && url.protocol !== 'http:')
    throw new RewriteError(
      'origin_not_http',
      `the origin URL's scheme is ${url.protocol}`,
      'only https: and http: URLs can be mirrored',
    );
  if (url.username !== '' || url.password !== '')
    throw new RewriteError(
      'origin_with_credentials',
      'the origin URL contains a user name or password',
      'remove them; only artifacts that are readable without credentials can be mirrored',
    );
  const fragment = originUrl.indexOf('#');
  return fragment === -1 ? originUrl : originUrl.slice(0, fragment);
}

/**
 * The path parameter that names an origin object: its URL in UTF-8, encoded as base64url without padding (RFC 4648,
 * section 5).
 * @throws RewriteError for a URL that the mirror would refuse
 */
export function originParameter(originUrl: string): string {
  return encodeBase64url(checkedOriginUrl(originUrl));
}
