import { describeFound, isMapping, pathText, schemaFaults } from '@cloud-mirror/config';
import type { Fault } from '@cloud-mirror/config';
import { isMasked, NO_CREDENTIALS, sameSealContext } from './configured-route.ts';
import type { ConfiguredRoute, ConfiguredRoutes, RouteCredentials } from './configured-route.ts';
import { normalRoutePath } from './route-path.ts';
import { sentRouteSchema } from './route-settings.ts';
import type { SentRoute } from './route-settings.ts';
import type { BucketCredentials } from './route.ts';

/** In place of a route: removes it. */
export const DELETE_ROUTE = '*delete*';

/** `merge` keeps routes that are not named; `replace` removes them; `add` keeps all that exist. */
export type ChangeMode = 'merge' | 'replace' | 'add';

export interface RouteChange {
  readonly path: string;
  /** The key in the document, for faults. */
  readonly key: string;
  /** null removes the route. */
  readonly route: SentRoute | null;
}

/** The document of routes that a client sent is invalid. */
export class RoutesFault extends Error {
  override readonly name = 'RoutesFault';
  readonly code = 'routes_invalid';
  readonly retryable = false;
  readonly faults: readonly Fault[];

  constructor(faults: readonly Fault[]) {
    super(
      faults
        .map(
          ({ path, found, expected }) =>
            `${path === '' ? '' : `${path}: `}found ${found}; expected ${expected}`,
        )
        .join('\n'),
    );
    this.faults = faults;
  }
}

export interface ChangeRules {
  /** Whether the configuration file has this back end, `service/region`. */
  readonly isStore: (store: string) => boolean;
  /** The names of the back ends, for the message. */
  readonly stores: readonly string[];
}

/** Matches the values of keys that are secret although their name does not say so. */
const SECRET_PATHS = [/access$/];

/**
 * Validates a document of routes, `{ "/path": route | "*delete*" }`.
 * @throws RoutesFault with every fault
 */
export function parseRouteChanges(document: unknown, rules: ChangeRules): RouteChange[] {
  if (!isMapping(document))
    throw new RoutesFault([
      { path: '', found: describeFound('', document), expected: 'a mapping from paths to routes' },
    ]);
  const faults: Fault[] = [];
  const keys = new Map<string, string>();
  const changes: RouteChange[] = [];
  for (const [key, value] of Object.entries(document)) {
    const path = normalRoutePath(key);
    const at = pathText([key]);
    const same = path === null ? undefined : keys.get(path);
    if (path === null)
      faults.push({
        path: at,
        found: 'a path that no request can have',
        expected: 'a path of at most 1024 bytes without NUL and without the segments . and ..',
      });
    else if (same !== undefined)
      faults.push({ path: at, found: `the same path as ${pathText([same])}`, expected: 'each path once' });
    else {
      keys.set(path, key);
      const route = value === DELETE_ROUTE ? null : parseRoute(key, value, rules, faults);
      if (route !== undefined) changes.push({ path, key, route });
    }
  }
  if (faults.length > 0) throw new RoutesFault(faults);
  return changes;
}

function parseRoute(
  key: string,
  value: unknown,
  { isStore, stores }: ChangeRules,
  faults: Fault[],
): SentRoute | undefined {
  if (typeof value === 'string') {
    faults.push({ path: pathText([key]), found: 'text', expected: `a route, or "${DELETE_ROUTE}"` });
    return undefined;
  }
  const result = sentRouteSchema.safeParse(value);
  if (!result.success) {
    const issues = result.error.issues.map((issue) => ({ ...issue, path: [key, ...issue.path] }));
    faults.push(...schemaFaults(issues, { [key]: value }, SECRET_PATHS));
    return undefined;
  }
  const { store, s3 } = result.data;
  if (store !== undefined && !isStore(store)) {
    const known = stores.length === 0 ? 'the configuration has none' : `one of ${stores.join(', ')}`;
    faults.push({
      path: pathText([key, 'store']),
      found: describeFound('store', store),
      expected: `a back end of the configuration file: ${known}`,
    });
  }
  if (s3 !== undefined && (s3.access === undefined) !== (s3.secret === undefined))
    faults.push({
      path: pathText([key, 's3', s3.access === undefined ? 'access' : 'secret']),
      found: 'nothing',
      expected: "both access and secret, or neither for the process's own credentials",
    });
  if (s3?.token !== undefined && s3.access === undefined)
    faults.push({
      path: pathText([key, 's3', 'token']),
      found: 'a token without access and secret',
      expected: 'a token only with access and secret',
    });
  return result.data;
}

/**
 * Applies changes. A masked credential stands for the one that the route has already.
 * @throws RoutesFault if there is none
 */
export function applyRouteChanges(
  current: ConfiguredRoutes,
  changes: readonly RouteChange[],
  mode: ChangeMode,
): ConfiguredRoutes {
  const faults: Fault[] = [];
  const next = new Map(mode === 'replace' ? [] : current);
  for (const { path, key, route } of changes) {
    if (mode === 'add' && current.has(path)) continue;
    if (route === null) next.delete(path);
    else next.set(path, configured(path, key, route, current.get(path), faults));
  }
  if (faults.length > 0) throw new RoutesFault(faults);
  return next;
}

function configured(
  path: string,
  key: string,
  { s3, ...rest }: SentRoute,
  before: ConfiguredRoute | undefined,
  faults: Fault[],
): ConfiguredRoute {
  if (s3 === undefined) return { path, settings: rest, credentials: NO_CREDENTIALS };
  const { access, secret, token, ...target } = s3;
  const settings = { ...rest, s3: target };
  const fault = (field: string, found: string): RouteCredentials => {
    faults.push({
      path: pathText([key, 's3', field]),
      found,
      expected: `the ${field} itself: • stands for the one that the route has already`,
    });
    return NO_CREDENTIALS;
  };
  const credentials = (): RouteCredentials => {
    if (access === undefined || secret === undefined) return NO_CREDENTIALS;
    for (const [field, value] of [
      ['access', access],
      ['secret', secret],
      ['token', token],
    ] as const)
      if (value?.includes('•') === true && !isMasked(value))
        return fault(field, 'a credential of which a part is masked');
    const masked = [access, secret, token].some((value) => value !== undefined && isMasked(value));
    if (!masked)
      return {
        kind: 'open',
        value: { accessKeyId: access, secretAccessKey: secret, sessionToken: token ?? null },
      };
    const known = before?.credentials ?? NO_CREDENTIALS;
    if (known.kind === 'unopened') {
      const same = isMasked(access) && isMasked(secret) && before !== undefined;
      if (same && sameSealContext(path, before.settings, settings)) return known;
      return fault('secret', '•, for credentials that this router cannot open');
    }
    if (known.kind === 'none')
      return fault(isMasked(access) ? 'access' : 'secret', '•, but the route has no credentials');
    if (token !== undefined && isMasked(token) && known.value.sessionToken === null)
      return fault('token', '•, but the route has no token');
    return openCredentials(
      known,
      { access, secret, token },
      before !== undefined && sameSealContext(path, before.settings, settings),
    );
  };
  return { path, settings, credentials: credentials() };
}

function openCredentials(
  known: Extract<RouteCredentials, { kind: 'open' }>,
  {
    access,
    secret,
    token,
  }: { readonly access: string; readonly secret: string; readonly token: string | undefined },
  mayKeepSeal: boolean,
): RouteCredentials {
  const given = (text: string, before: string): string => (isMasked(text) ? before : text);
  const value: BucketCredentials = {
    accessKeyId: given(access, known.value.accessKeyId),
    secretAccessKey: given(secret, known.value.secretAccessKey),
    sessionToken: token === undefined ? null : given(token, known.value.sessionToken ?? ''),
  };
  const same = JSON.stringify(value) === JSON.stringify(known.value);
  return { kind: 'open', value, sealed: same && mayKeepSeal ? known.sealed : undefined };
}
