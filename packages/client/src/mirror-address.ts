import { RewriteError } from './rewrite-error.ts';

/**
 * Builds the address of a resource of the mirror: `<mirror>/<segment>/<segment>…`, each segment percent-encoded.
 * `mirror` is the front end's public URL, including the path of its mount point; a trailing slash is ignored.
 * @throws RewriteError
 */
export function mirrorAddress(mirror: string, segments: readonly string[]): string {
  return [checkedMirror(mirror), ...segments.map(encodedSegment)].join('/');
}

function checkedMirror(mirror: string): string {
  const url = URL.canParse(mirror) ? new URL(mirror) : null;
  const isBase =
    url !== null &&
    (url.protocol === 'https:' || url.protocol === 'http:') &&
    url.username === '' &&
    url.password === '' &&
    url.search === '' &&
    url.hash === '';
  if (!isBase)
    throw new RewriteError(
      'mirror_not_a_base_url',
      'the address of the mirror is not an http(s) URL without user name, query and fragment',
      'give the public URL of the front end, such as https://mirror.example.com',
    );
  return `${url.origin}${url.pathname}`.replace(/\/+$/, '');
}

function encodedSegment(segment: string): string {
  // An empty segment or a dot segment would name another resource once the client normalises the address.
  if (segment === '' || segment === '.' || segment === '..' || !segment.isWellFormed())
    throw new RewriteError(
      'not_a_path_segment',
      `${JSON.stringify(segment)} is not the name of a service or region`,
      'give the names that the mirror lists at /v1/backends',
    );
  return encodeURIComponent(segment);
}
