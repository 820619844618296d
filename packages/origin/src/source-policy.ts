import { hostForClients } from './log-form.ts';
import {
  DEFAULT_SOURCE_OPTIONS,
  type SourceDecision,
  type SourceOptions,
  type SourcePolicy,
} from './origin.ts';
import { pathAmbiguity } from './path-ambiguity.ts';
import { hasQuery, queryRefusal, withoutQuery, type QueryRule } from './query-rule.ts';
import { signatureInQuery } from './signed-query.ts';
import { checkPattern, compilePattern, patternLimitsPath } from './source-pattern.ts';

interface SourceRuleSettings extends Partial<SourceOptions> {
  /** `optional` allows http although `requireTls` is set; `required` refuses http although it is not. */
  readonly tls?: 'optional' | 'required' | undefined;
  /** Allows connections to loopback, RFC 1918, shared and unique local addresses. */
  readonly privateAddresses?: boolean | undefined;
  /** `keep` mirrors URLs with a signature or token in the query, which then is part of the object's identity. */
  readonly signedQuery?: 'refuse' | 'keep' | undefined;
  /** Default `keep`. It does not apply to redirect targets. */
  readonly query?: QueryRule | undefined;
}

/**
 * One entry of `sources.allow`.
 *
 * `prefix` is a URL. Scheme, host and port must be equal. Its path must equal the requested path, or be a prefix of it
 * in whole segments: `https://h/builds/` allows everything below, `https://h/builds` also `/builds` itself, and neither
 * allows `/builds-evil`. Paths are compared literally, including percent-encoding.
 *
 * `pattern` is a regular expression that is tested on the whole normal form, without its query if `query` is `ignore`;
 * see {@link checkPattern}.
 */
export type SourceRule = SourceRuleSettings &
  (
    | { readonly prefix: string; readonly pattern?: undefined }
    | { readonly pattern: string; readonly prefix?: undefined }
  );

export interface SourcePolicyOptions {
  readonly requireTls: boolean;
  /**
   * A URL is allowed if any rule allows it. If several do, the first of them determines the {@link SourceOptions}.
   */
  readonly allow: readonly SourceRule[];
  /**
   * Addresses of the mirror itself, which no rule allows. A mirror that requests its own URLs would wait for itself,
   * and clients could use the mirror's own network access (SSRF).
   */
  readonly ownAddresses?: readonly URL[];
}

/** The components of a URL that rules compare. */
interface Subject {
  readonly href: string;
  /** The URL that a rule with `query: ignore` sees. */
  readonly bareHref: string;
  /** Scheme, host and port. */
  readonly origin: string;
  readonly pathname: string;
}

interface Matcher {
  readonly matches: (subject: Subject) => boolean;
  /** The rule allows only some paths of its host, so an ambiguous path is refused. */
  readonly limitsPath: boolean;
  readonly query: QueryRule;
  readonly settings: SourceRuleSettings;
  readonly options: SourceOptions;
}

/** @throws {TypeError} for a rule that {@link checkPrefix} or {@link checkPattern} refuses */
export function createSourcePolicy(options: SourcePolicyOptions): SourcePolicy {
  const matchers = options.allow.map(matcherOf);
  const ownAddresses = options.ownAddresses ?? [];
  const decide = (url: URL, { hop = false } = {}): SourceDecision => {
    const fault = faultOfAnyUrl(url);
    if (fault !== null) return refused(fault);
    if (ownAddresses.some((own) => isSameServer(own, url)))
      return refused('the mirror itself is not a source');
    const subject = subjectOf(url, hop);
    const matching = matchers.filter(({ matches }) => matches(subject));
    if (matching.length === 0)
      return refused(
        `${hostForClients(url)} is not an allowed source, or not with this scheme, port or path`,
      );
    const refusals = matching.map((matcher) => refusalBy(matcher, url, hop, options.requireTls));
    const allowing = matching.filter((_, index) => refusals[index] === null);
    const [first] = allowing;
    if (first === undefined) return refused(refusals[0] ?? 'no rule allows the URL');
    // The rule for the URL without the query may be another, and copiers only know that URL.
    if (!hop && first.query === 'ignore' && hasQuery(url)) return decide(withoutQuery(url));
    return {
      allowed: true,
      url,
      rule: matchers.indexOf(first),
      privateAddresses: allowing.some(({ settings }) => settings.privateAddresses === true),
      options: first.options,
    };
  };
  return {
    decide,
    identify(url) {
      const decision = decide(url);
      return decision.allowed ? decision.url : url;
    },
  };
}

/** What is wrong with the `prefix` of a rule, for the operator; `null` if it is valid. */
export function checkPrefix(text: string): string | null {
  if (/[\s\p{Cc}\\]/u.test(text)) return 'must not contain white space, control characters or backslashes';
  if (!URL.canParse(text)) return 'must be a URL such as https://artifacts.example.com/builds/';
  const url = new URL(text);
  if (url.protocol !== 'http:' && url.protocol !== 'https:') return 'must begin with https:// or http://';
  if (!/^https?:\/\/[^/]/i.test(text)) return 'must have its host after two slashes';
  if (url.username !== '' || url.password !== '' || /^[^/]*\/\/[^/?#]*@/.test(text))
    return 'must not contain credentials';
  if (/[?#]/.test(text)) return 'must not contain a query or a fragment: only paths are compared';
  const ambiguity = pathAmbiguity(url.pathname);
  return ambiguity === null ? null : `must not be ambiguous: ${ambiguity}`;
}

function matcherOf(rule: SourceRule): Matcher {
  if (rule.prefix !== undefined) return prefixMatcher(rule.prefix, rule);
  const fault = checkPattern(rule.pattern);
  if (fault !== null) throw new TypeError(`pattern ${rule.pattern}: ${fault}`);
  const pattern = compilePattern(rule.pattern);
  const query = rule.query ?? 'keep';
  return {
    matches: ({ href, bareHref }) => pattern.test(query === 'ignore' ? bareHref : href),
    query,
    limitsPath: patternLimitsPath(rule.pattern),
    settings: rule,
    options: optionsOf(rule),
  };
}

function prefixMatcher(text: string, settings: SourceRuleSettings): Matcher {
  const fault = checkPrefix(text);
  if (fault !== null) throw new TypeError(`prefix ${text}: ${fault}`);
  const prefix = new URL(text);
  prefix.hostname = prefix.hostname.replace(/\.$/, '');
  const folder = prefix.pathname.endsWith('/') ? prefix.pathname : `${prefix.pathname}/`;
  const { origin, pathname } = prefix;
  return {
    matches: (subject) =>
      subject.origin === origin && (subject.pathname === pathname || subject.pathname.startsWith(folder)),
    query: settings.query ?? 'keep',
    limitsPath: pathname !== '/',
    settings,
    options: optionsOf(settings),
  };
}

function optionsOf(rule: SourceRuleSettings): SourceOptions {
  return {
    onRefusal: rule.onRefusal ?? DEFAULT_SOURCE_OPTIONS.onRefusal,
    ignoreVary: rule.ignoreVary ?? DEFAULT_SOURCE_OPTIONS.ignoreVary,
    ignoreCacheControl: rule.ignoreCacheControl ?? DEFAULT_SOURCE_OPTIONS.ignoreCacheControl,
    keepCacheControl: rule.keepCacheControl ?? DEFAULT_SOURCE_OPTIONS.keepCacheControl,
  };
}

/** Whether two URLs have the same host and port. Ports 80 and 443 count as one, because one server usually has both. */
function isSameServer(own: URL, url: URL): boolean {
  if (own.hostname !== url.hostname) return false;
  const port = ({ port, protocol }: URL): string => port || (protocol === 'https:' ? '443' : '80');
  const isUsual = (text: string): boolean => text === '443' || text === '80';
  return port(own) === port(url) || (isUsual(port(own)) && isUsual(port(url)));
}

function faultOfAnyUrl(url: URL): string | null {
  if (url.protocol !== 'http:' && url.protocol !== 'https:') return 'only http and https URLs are allowed';
  if (url.username !== '' || url.password !== '')
    return 'URLs with credentials (user:password@) are not allowed';
  return null;
}

/** Why a rule refuses a URL that its prefix or pattern matches; `null` if it does not. */
function refusalBy(
  { settings, query, limitsPath }: Matcher,
  url: URL,
  hop: boolean,
  requireTls: boolean,
): string | null {
  const tlsRequired = requireTls ? settings.tls !== 'optional' : settings.tls === 'required';
  if (tlsRequired && url.protocol !== 'https:') return 'the source allows https only';
  const ambiguity = limitsPath ? pathAmbiguity(url.pathname) : null;
  if (ambiguity !== null) return ambiguity;
  // A query that is ignored is not stored either, so that it may carry anything.
  if (hop || query === 'ignore') return null;
  const refusal = queryRefusal(query, url);
  if (refusal !== null || settings.signedQuery === 'keep') return refusal;
  const parameter = signatureInQuery(url);
  if (parameter === null) return null;
  return `the query carries a signature or token (${parameter}), which would be stored; request the URL without it`;
}

/** Redirect targets are requested with their queries, so that rules see them whole. */
function subjectOf(url: URL, hop: boolean): Subject {
  const href = withoutFragment(url);
  const bareHref = hop || url.search === '' ? href : href.slice(0, href.indexOf('?'));
  return { href, bareHref, origin: url.origin, pathname: url.pathname };
}

function withoutFragment(url: URL): string {
  if (url.hash === '') return url.href;
  const copy = new URL(url);
  copy.hash = '';
  return copy.href;
}

function refused(reason: string): SourceDecision {
  return { allowed: false, reason };
}
