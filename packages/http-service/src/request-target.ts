/** The request target of RFC 9112, section 3.2, apart at its first `?` and otherwise as the client sent it. */
export interface RequestTarget {
  /** Never decoded. */
  readonly rawPath: string;
  /** Without the `?`; empty where there is none. */
  readonly rawQuery: string;
}

/** Takes the origin form (`/path?query`) and the absolute form (`http://host/path?query`) that proxies may send. */
export function parseRequestTarget(target: string): RequestTarget {
  const relative = target.startsWith('/') ? target : target.replace(/^https?:\/\/[^/?#]*/i, '');
  const queryStart = relative.indexOf('?');
  if (queryStart === -1) return { rawPath: relative === '' ? '/' : relative, rawQuery: '' };
  return { rawPath: relative.slice(0, queryStart) || '/', rawQuery: relative.slice(queryStart + 1) };
}
