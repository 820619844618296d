import type { BucketCredentials, Route, RouteTarget } from './route.ts';
import type { RouteSettings, SentRoute, StoredRoute } from './route-settings.ts';
import type { Sealer } from '@cloud-mirror/state-store';

/**
 * The credentials of a route. `unopened`: sealed text that this process cannot open; it is kept as it is.
 * `sealed` of open credentials is the text that opened to them, so that an unchanged route is not sealed again.
 */
export type RouteCredentials =
  | { readonly kind: 'none' }
  | { readonly kind: 'open'; readonly value: BucketCredentials; readonly sealed?: string | undefined }
  | { readonly kind: 'unopened'; readonly sealed: string; readonly fault: string };

/** A route as operators configured it. Immutable. */
export interface ConfiguredRoute {
  /** In the normal form. */
  readonly path: string;
  readonly settings: RouteSettings;
  readonly credentials: RouteCredentials;
}

/** Routes by their path. */
export type ConfiguredRoutes = ReadonlyMap<string, ConfiguredRoute>;

export const NO_CREDENTIALS: RouteCredentials = { kind: 'none' };
const MASK = '•';
const UNKNOWN_LENGTH = 8;

/** Whether a text is masked, so that whoever sends it back means the value that it stands for. */
export function isMasked(text: string): boolean {
  return /^•+$/.test(text);
}

/** The form for clients: each character of a credential is shown as `•`. */
export function maskedRoute({ settings, credentials }: ConfiguredRoute): SentRoute {
  const { s3, ...rest } = settings;
  if (s3 === undefined) return rest;
  return { s3: { ...s3, ...maskedCredentials(credentials) }, ...rest };
}

function maskedCredentials(
  credentials: RouteCredentials,
): Pick<NonNullable<SentRoute['s3']>, 'access' | 'secret' | 'token'> {
  const mask = (text: string): string => MASK.repeat([...text].length);
  switch (credentials.kind) {
    case 'none':
      return {};
    case 'unopened':
      return { access: MASK.repeat(UNKNOWN_LENGTH), secret: MASK.repeat(UNKNOWN_LENGTH) };
    case 'open': {
      const { accessKeyId, secretAccessKey, sessionToken } = credentials.value;
      return {
        access: mask(accessKeyId),
        secret: mask(secretAccessKey),
        ...(sessionToken !== null && { token: mask(sessionToken) }),
      };
    }
  }
}

/**
 * The form for the store.
 * @throws TypeError if the route has open credentials and there is no sealer: they must not leave the process
 */
export function storedRoute(route: ConfiguredRoute, sealer: Sealer | null): StoredRoute {
  const { s3, ...rest } = route.settings;
  if (s3 === undefined) return rest;
  const credentials = sealedCredentials(route, sealer);
  return { s3: { ...s3, ...(credentials !== null && { credentials }) }, ...rest };
}

function sealedCredentials(route: ConfiguredRoute, sealer: Sealer | null): string | null {
  const { credentials } = route;
  switch (credentials.kind) {
    case 'none':
      return null;
    case 'unopened':
      return credentials.sealed;
    case 'open': {
      if (sealer === null) throw new TypeError('credentials cannot be stored without a seal key');
      if (credentials.sealed !== undefined && sealer.isCurrent(credentials.sealed)) return credentials.sealed;
      return sealer.seal(JSON.stringify(credentials.value), sealContext(route.path, route.settings));
    }
  }
}

/** @param sealer null if this process has no seal key */
export function routeOfStored(path: string, stored: StoredRoute, sealer: Sealer | null): ConfiguredRoute {
  if (stored.s3 === undefined)
    return { path, settings: { ...stored, s3: undefined }, credentials: NO_CREDENTIALS };
  const { credentials: sealed, ...s3 } = stored.s3;
  const settings = { ...stored, s3 };
  if (sealed === undefined) return { path, settings, credentials: NO_CREDENTIALS };
  const unopened = (fault: string): ConfiguredRoute => ({
    path,
    settings,
    credentials: { kind: 'unopened', sealed, fault },
  });
  if (sealer === null)
    return unopened(`the credentials of the route ${path} are sealed, and this router has no router.sealKey`);
  const opened = sealer.open(sealed, sealContext(path, settings));
  if ('fault' in opened)
    return unopened(
      opened.fault === 'another_key'
        ? `the credentials of the route ${path} are sealed with another key than router.sealKey: give them again`
        : `the sealed credentials of the route ${path} are damaged or belong to another route: give them again`,
    );
  const value = JSON.parse(opened.text) as BucketCredentials;
  return { path, settings, credentials: { kind: 'open', value, sealed } };
}

/**
 * What sealed credentials are bound to. Somebody who can write to the store, but has no seal key, can neither move them to
 * another route nor let the router sign for another bucket or server with them.
 */
function sealContext(path: string, { s3 }: RouteSettings): string {
  return JSON.stringify([1, path, s3?.bucket ?? null, s3?.endpoint ?? null]);
}

/** Whether credentials that cannot be opened stay valid when the settings change. */
export function sameSealContext(path: string, one: RouteSettings, other: RouteSettings): boolean {
  return sealContext(path, one) === sealContext(path, other);
}

/** @param isStore whether the configuration file has this back end */
export function routeFor(route: ConfiguredRoute, isStore: (store: string) => boolean): Route {
  const { path, settings } = route;
  return {
    path,
    target: targetOf(route, isStore),
    prefix: (settings.s3 === undefined ? settings.prefix : settings.s3.prefix) ?? '',
    signedSeconds: settings.signedSeconds ?? null,
    write: settings.write ?? 'always',
    list: settings.list ?? false,
    read: settings.read ?? null,
    writeTokens: settings.writeTokens ?? null,
    mirror: settings.mirror ?? null,
  };
}

function targetOf(
  { path, settings, credentials }: ConfiguredRoute,
  isStore: (store: string) => boolean,
): RouteTarget {
  const { s3, store } = settings;
  if (store !== undefined) {
    if (isStore(store)) return { kind: 'store', store };
    return {
      kind: 'unusable',
      fault: `the route ${path} leads to ${store}, which is no back end of this router's configuration`,
    };
  }
  if (s3 === undefined) return { kind: 'unusable', fault: `the route ${path} has neither s3 nor store` };
  if (credentials.kind === 'unopened') return { kind: 'unusable', fault: credentials.fault };
  const endpoint = s3.endpoint ?? null;
  return {
    kind: 's3',
    bucket: s3.bucket,
    credentials: credentials.kind === 'open' ? credentials.value : null,
    region: s3.region ?? null,
    endpoint,
    // Stores beside AWS seldom have a host name for each bucket.
    forcePathStyle: s3.forcePathStyle ?? endpoint !== null,
  };
}
