/** Why a text is not an origin URL: it cannot be read as one, its scheme is not HTTP, or its host is no name. */
export type OriginUrlErrorCode = 'url_not_decodable' | 'url_scheme' | 'url_host';

/** A text that is no origin URL. The message names the fault and its remedy, and quotes nothing of the text. */
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
 * The normal form of an origin URL, which is the object's identity everywhere: what the WHATWG URL parser makes of
 * the text, without the fragment (it is never sent) and without a trailing dot of the host (`example.com.` and
 * `example.com` are one host). Nothing else is changed: the order of a query and the spelling of encoded octets count.
 *
 * User information is kept, for the source policy to refuse.
 *
 * @throws {OriginUrlError}
 */
export function normalizeOriginUrl(text: string): URL {
  // The parser strips some of these and takes a backslash for a slash; others that read the same text do not, and two
  // readings of one URL are how address checks are passed by.
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
 * The normal form of a redirect's target, relative to `base`. `location` holds the bytes of a Location header, one
 * character each. Bytes from 0x80 on have no place in a URL (RFC 3986), so each of them is percent-encoded as it is: the
 * origin is asked for the very bytes that it named, whatever their charset. UTF-8 gives what browsers make of it, and a
 * host name in UTF-8 is still read as one, because the URL parser decodes hosts.
 * The scheme is left for the source policy to judge.
 *
 * @throws {OriginUrlError} where `location` gives no URL
 */
export function resolveLocation(location: string, base: URL): URL {
  const text = location.replace(
    /[\x80-\xff]/g,
    (byte) => `%${byte.charCodeAt(0).toString(16).toUpperCase()}`,
  );
  if (text.trim() === '') throw new OriginUrlError('url_not_decodable', 'the Location is empty');
  const url = parse(text, base);
  // Other schemes have hosts of other kinds, or none. The policy refuses them; that is not the same as a Location that
  // leads nowhere.
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
  // RFC 1035: labels of 1 to 63 octets, 253 in all without the root's dot.
  const isName = url.hostname.length <= 253 && labels.every((label) => label !== '' && label.length <= 63);
  if (!isName && !url.hostname.startsWith('['))
    throw new OriginUrlError('url_host', 'the host of the URL is not a name that DNS can hold');
  return url;
}
