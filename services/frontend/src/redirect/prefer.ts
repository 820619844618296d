/** What a client asked for, from `Prefer` (RFC 7240) or, where it cannot set headers, from the query. */
export interface Preferences {
  /** Seconds from arrival, not yet capped; `null` where none was named. */
  readonly waitSeconds: number | null;
  readonly respondAsync: boolean;
}

/** A header that prefers one of these wins over `?wait=N` and `?async=1` as a whole. What cannot be parsed is ignored. */
export function readPreferences(header: string | undefined, rawQuery: string): Preferences {
  const preferred = parseDirectives(header);
  const waitSeconds = wholeSeconds(preferred.get('wait'));
  const respondAsync = preferred.has('respond-async');
  if (rawQuery === '' || waitSeconds !== null || respondAsync) return { waitSeconds, respondAsync };
  const query = new URLSearchParams(rawQuery);
  return { waitSeconds: wholeSeconds(query.get('wait')), respondAsync: query.get('async') === '1' };
}

/** Whether `Cache-Control` of a request asks for a check of what is stored (RFC 9111, section 5.2.1.4). */
export function asksForRevalidation(cacheControl: string | undefined): boolean {
  return cacheControl !== undefined && parseDirectives(cacheControl).has('no-cache');
}

const DIRECTIVE =
  /^([!#$%&'*+.^_`|~0-9A-Za-z-]+)(?:[ \t]*=[ \t]*(?:"((?:[^"\\]|\\.)*)"|([!#$%&'*+.^_`|~0-9A-Za-z-]*)))?$/;

/**
 * A list of `name`, `name=value` or `name="value"`, each with parameters after a `;` that nothing here needs. Names
 * are in lower case; the first of a name counts (RFC 7240, section 2); what is malformed is left out.
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
