import { encodeBase64url } from './base64url.ts';
import { RewriteError } from './rewrite-error.ts';

/**
 * The text of an origin URL as it is given to the mirror: as it was written, without its fragment. The mirror brings
 * it into WHATWG normal form by itself.
 * @throws RewriteError for what the mirror would refuse
 */
export function checkedOriginUrl(originUrl: string): string {
  // Before the parser sees it: WHATWG drops line breaks and outer white space, and turns backslashes into slashes.
  if (/[\s\p{Cc}\\]/u.test(originUrl) || !originUrl.isWellFormed())
    throw new RewriteError(
      'origin_with_forbidden_characters',
      'the origin URL holds white space, a control character, a backslash or a lone surrogate',
      'percent-encode it (a space is %20)',
    );
  const url = URL.canParse(originUrl) ? new URL(originUrl) : null;
  if (url === null)
    throw new RewriteError(
      'origin_not_a_url',
      'the origin is not an absolute URL',
      'give all of it, as in https://artifacts.example.com/builds/1/app.tar.gz',
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
      'the origin URL holds a user name or password',
      'mirror only what can be read without one, and take them out',
    );
  const fragment = originUrl.indexOf('#');
  return fragment === -1 ? originUrl : originUrl.slice(0, fragment);
}

/**
 * The path parameter that names an origin object: RFC 4648 base64url, without padding, of the UTF-8 of its URL.
 * @throws RewriteError for what the mirror would refuse
 */
export function originParameter(originUrl: string): string {
  return encodeBase64url(checkedOriginUrl(originUrl));
}
