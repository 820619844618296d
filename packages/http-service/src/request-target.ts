/** A request target (RFC 9112, section 3.2), split at its first `?` and otherwise as the client sent it. */
export interface RequestTarget {
  /** Not decoded. */
  readonly rawPath: string;
  /** Without the `?`; empty if there is no query. */
  readonly rawQuery: string;
}

/** Parses the origin form (`/path?query`) and the absolute form (`http://host/path?query`), which proxies may send. */
export function parseRequestTarget(target: string): RequestTarget {
  const relative = target.startsWith('/') ? target : target.replace(/^https?:\/\/[^/?#]*/i, '');
  const queryStart = relative.indexOf('?');
  if (queryStart === -1) return { rawPath: relative === '' ? '/' : relative, rawQuery: '' };
  return { rawPath: relative.slice(0, queryStart) || '/', rawQuery: relative.slice(queryStart + 1) };
}
