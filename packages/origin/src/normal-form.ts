/** Why a text is not an origin URL: it cannot be parsed, its scheme is not HTTP, or its host is not a valid name. */
export type OriginUrlErrorCode = 'url_not_decodable' | 'url_scheme' | 'url_host';

/** A text that is not an origin URL. The message names the fault and the remedy, and does not quote the text. */
export class OriginUrlError extends Error {
  override readonly name = 'OriginUrlError';
  readonly code: OriginUrlErrorCode;
  readonly retryable = false;

  constructor(code: OriginUrlErrorCode, message: string, cause?: unknown) {
    super(message, { cause });
    this.code = code;
  }
}

/**
 * Returns the normal form of an origin URL, which identifies the object everywhere: the result of the WHATWG URL parser
 * without the fragment (it is never sent) and without a trailing dot of the host (`example.com.` and `example.com` are
 * one host). Nothing else is normalized: the order of a query and the spelling of encoded octets are significant.
 *
 * User information is kept, so that the source policy can refuse it.
 *
 * @throws {OriginUrlError}
 */
export function normalizeOriginUrl(text: string): URL {
  // The WHATWG parser strips some of these characters and treats a backslash as a slash; other parsers do not. Such
  // differences between parsers let attackers bypass address checks.
  if (/[\s\p{Cc}\\]/u.test(text) || !text.isWellFormed())
    throw new OriginUrlError(
      'url_not_decodable',
      'the URL contains white space, a control character, a backslash or broken text; percent-encode it',
    );
  const url = parse(text);
  if (!isHttp(url)) throw new OriginUrlError('url_scheme', 'only http and https URLs can be mirrored');
  return withPlainHost(url);
}

/**
 * Returns the normal form of a redirect's target, relative to `base`. `location` holds the bytes of a Location header,
 * one character each. Bytes from 0x80 on are not allowed in a URL (RFC 3986), so each is percent-encoded unchanged: the
 * origin gets back exactly the bytes that it sent, whatever their charset. For UTF-8 this is what browsers do. A host
 * name in UTF-8 still works, because the URL parser decodes hosts.
 * The source policy checks the scheme.
 *
 * @throws {OriginUrlError} if `location` is not a URL
 */
export function resolveLocation(location: string, base: URL): URL {
  const text = location.replace(
    /[\x80-\xff]/g,
    (byte) => `%${byte.charCodeAt(0).toString(16).toUpperCase()}`,
  );
  if (text.trim() === '') throw new OriginUrlError('url_not_decodable', 'the Location is empty');
  const url = parse(text, base);
  // Other schemes may have no host. The policy refuses them as `not_allowed`, which differs from an unusable Location.
  return isHttp(url) ? withPlainHost(url) : url;
}

function isHttp({ protocol }: URL): boolean {
  return protocol === 'http:' || protocol === 'https:';
}

function parse(text: string, base?: URL): URL {
  try {
    return new URL(text, base);
  } catch (error) {
    throw new OriginUrlError(
      'url_not_decodable',
      'the text is not an absolute URL such as https://host/path',
      error,
    );
  }
}

function withPlainHost(url: URL): URL {
  url.hash = '';
  if (url.hostname.endsWith('.')) url.hostname = url.hostname.slice(0, -1);
  const labels = url.hostname.split('.');
  // RFC 1035: labels have 1 to 63 octets, the name at most 253 without the root's dot.
  const isName = url.hostname.length <= 253 && labels.every((label) => label !== '' && label.length <= 63);
  if (!isName && !url.hostname.startsWith('['))
    throw new OriginUrlError('url_host', 'the host of the URL is not a name that DNS can hold');
  return url;
}
