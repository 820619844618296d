import { kindOfName } from './credential-names.ts';
import { isTokenValue, looksRandom } from './credential-values.ts';
import { parametersOf, type QueryParameter } from './query-parameters.ts';

/**
 * What a rule does with the query of a requested URL. `keep`: it is part of the object's identity. `refuse`: a URL with
 * a query is refused. `ignore`: it does not count, and the origin is asked without it. A list: the names of the
 * parameters that count; a URL with any other parameter is refused.
 */
export type QueryRule = 'keep' | 'refuse' | 'ignore' | readonly string[];

const LONGEST_SHOWN_NAME = 64;

/**
 * Why the rule refuses the query of `url`, for the client, without any value; `null` if it does not.
 *
 * Names in a list are compared after percent-decoding. Parameters may be repeated and come in any order, and the query
 * stays as it is: two spellings are two objects, because only the origin knows whether they mean the same. Empty
 * parameters (`a=1&&`) have a name that is not in the list.
 */
export function queryRefusal(rule: QueryRule, url: URL): string | null {
  if (rule === 'keep' || rule === 'ignore' || !hasQuery(url)) return null;
  if (rule === 'refuse') return 'the source allows no query; request the URL without it';
  const other = parametersOf(url.search.slice(1)).find(({ name }) => !rule.includes(name));
  if (other === undefined) return null;
  return `the source does not allow ${shownParameter(other)} in the query, only ${rule.join(', ')}; request the URL without it`;
}

/** The names of a rule's list that are refused nevertheless, as those of signatures or tokens, unless it keeps these. */
export function refusedNames(rule: QueryRule): string[] {
  return typeof rule === 'string' ? [] : rule.filter((name) => kindOfName(name) === 'credential');
}

/** Whether a URL has a query, even an empty one: `https://h/p?` is another text than `https://h/p`. */
export function hasQuery(url: URL): boolean {
  return url.search !== '' || url.href.slice(0, url.href.length - url.hash.length).endsWith('?');
}

export function withoutQuery(url: URL): URL {
  const bare = new URL(url);
  bare.search = '';
  return bare;
}

/** Names are the client's text. Long and unusual ones are not repeated, nor those that may be values without a name. */
function shownParameter({ name }: QueryParameter): string {
  if (name === '') return 'an empty parameter';
  const isPlain = name.length <= LONGEST_SHOWN_NAME && /^[\w.[\]-]+$/.test(name);
  return isPlain && !isTokenValue(name) && !looksRandom(name)
    ? `the parameter ${name}`
    : 'a parameter with an unusual name';
}
