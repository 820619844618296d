/** What a client asked for: in `Prefer` (RFC 7240) or, if it cannot set headers, in the query. */
export interface Preferences {
  /** Seconds from the arrival, not yet limited to the server's maximum; null if the client names none. */
  readonly waitSeconds: number | null;
  readonly respondAsync: boolean;
}

/** Ignores the query (`?wait=N`, `?async=1`) if the header has one of the two preferences, and values that cannot be parsed. */
export function readPreferences(header: string | undefined, rawQuery: string): Preferences {
  const preferred = parseDirectives(header);
  const waitSeconds = wholeSeconds(preferred.get('wait'));
  const respondAsync = preferred.has('respond-async');
  if (rawQuery === '' || waitSeconds !== null || respondAsync) return { waitSeconds, respondAsync };
  const query = new URLSearchParams(rawQuery);
  return { waitSeconds: wholeSeconds(query.get('wait')), respondAsync: query.get('async') === '1' };
}

/** Whether `Cache-Control` of a request asks for revalidation (RFC 9111, section 5.2.1.4). */
export function asksForRevalidation(cacheControl: string | undefined): boolean {
  return cacheControl !== undefined && parseDirectives(cacheControl).has('no-cache');
}

const DIRECTIVE =
  /^([!#$%&'*+.^_`|~0-9A-Za-z-]+)(?:[ \t]*=[ \t]*(?:"((?:[^"\\]|\\.)*)"|([!#$%&'*+.^_`|~0-9A-Za-z-]*)))?$/;

/**
 * Parses a list of `name`, `name=value` or `name="value"`. Parameters after a `;` are ignored, and so are malformed items. Names
 * are lower-cased. Where a name occurs more than once, the first one counts (RFC 7240, section 2).
 */
export function parseDirectives(header: string | undefined): ReadonlyMap<string, string> {
  const directives = new Map<string, string>();
  if (header === undefined || header === '') return directives;
  for (const item of splitOutsideQuotes(header, ',')) {
    const [directive = ''] = splitOutsideQuotes(item, ';');
    const match = DIRECTIVE.exec(directive.trim());
    const name = match?.[1]?.toLowerCase();
    if (name === undefined || directives.has(name)) continue;
    directives.set(name, match?.[2]?.replace(/\\(.)/g, '$1') ?? match?.[3] ?? '');
  }
  return directives;
}

function splitOutsideQuotes(text: string, separator: string): string[] {
  if (!text.includes('"')) return text.split(separator);
  const parts: string[] = [];
  let start = 0;
  let quoted = false;
  for (let at = 0; at < text.length; at += 1) {
    const character = text[at];
    if (quoted && character === '\\') at += 1;
    else if (character === '"') quoted = !quoted;
    else if (character === separator && !quoted) {
      parts.push(text.slice(start, at));
      start = at + 1;
    }
  }
  parts.push(text.slice(start));
  return parts;
}

function wholeSeconds(value: string | null | undefined): number | null {
  return value !== undefined && value !== null && /^\d+$/.test(value) ? Number(value) : null;
}
