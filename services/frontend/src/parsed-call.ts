import type { CacheManager } from '@cloud-mirror/cache-manager';
import type { HttpProblem, RequestTarget } from '@cloud-mirror/http-service';
import type { MirroredObject } from '@cloud-mirror/mirrored-objects';
import type { Config } from '@cloud-mirror/mirror';
import { parseSignedObjectTarget, type SignedObjectTarget } from '@cloud-mirror/routed-objects';
import {
  objectCallOf,
  parseObjectPath,
  type ObjectCallName,
  type ObjectPath,
} from './redirect/object-path.ts';
import { decodeOriginUrlParameter } from './redirect/origin-url-parameter.ts';

/** The call of a request, parsed once. Unless it is refused, it depends only on the request target and the configuration. */
export type ParsedCall = RedirectCall | OperatorObjectCall | SignedObjectCall | RoutedCall | RefusedCall;

/** `/v1/redirect/…` */
export interface RedirectCall {
  readonly kind: 'redirect';
  readonly target: RequestTarget;
  /** As the client named them. */
  readonly service: string;
  readonly region: string;
  /** The URL of the requested object, or else the normal form of the origin URL; null if the path contains none. */
  readonly url: URL | null;
  /** Why there is no URL: a ParameterError or an OriginUrlError. */
  readonly fault: unknown;
  /** The requested object; null if the source policy refuses it or there is no such back end. */
  readonly object: MirroredObject | null;
}

/** A redirect that may be answered with a copy. */
export type ObjectRedirectCall = RedirectCall & { readonly url: URL; readonly object: MirroredObject };

type OperatorCallName = Exclude<ObjectCallName, 'redirect'>;

/** `/v1/purge/…` or `/v1/status/…`. The route decodes the parameter, after it has checked the operator's token. */
export interface OperatorObjectCall {
  readonly kind: 'operator';
  readonly path: ObjectPath & { readonly call: OperatorCallName };
}

/** A signed address of an object in a folder. */
export interface SignedObjectCall {
  readonly kind: 'signed_object';
  readonly target: SignedObjectTarget;
}

/** Any other path, which the router handles. */
export interface RoutedCall {
  readonly kind: 'routed';
  readonly rawPath: string;
}

/** A request that is refused with `problem`, whatever its path. */
export interface RefusedCall {
  readonly kind: 'refused';
  readonly problem: HttpProblem;
}

export interface CallParserParts {
  readonly cacheManager: Pick<CacheManager, 'objectOf'>;
  readonly server: Pick<Config['server'], 'maxUrlBytes'>;
}

/** Never throws: a fault in the path becomes part of the parsed call, and its route answers it. */
export function parseCall(target: RequestTarget, parts: CallParserParts): ParsedCall {
  const { rawPath } = target;
  const call = objectCallOf(rawPath);
  if (call === null) {
    const signed = parseSignedObjectTarget(rawPath, target.rawQuery);
    return signed === null ? { kind: 'routed', rawPath } : { kind: 'signed_object', target: signed };
  }
  // A path that ends too early names no object, but its route still checks the method first.
  const path = parseObjectPath(rawPath) ?? { call, service: '', region: '', parameter: '' };
  if (call === 'redirect') return parseRedirect(target, path, parts);
  return { kind: 'operator', path: { ...path, call } };
}

export function isObjectRedirect(call: ParsedCall): call is ObjectRedirectCall {
  return call.kind === 'redirect' && call.object !== null;
}

function parseRedirect(
  target: RequestTarget,
  { service, region, parameter }: ObjectPath,
  { cacheManager, server }: CallParserParts,
): RedirectCall {
  const named = { kind: 'redirect', target, service, region } as const;
  let url: URL;
  try {
    url = decodeOriginUrlParameter(parameter, server.maxUrlBytes);
  } catch (fault) {
    return { ...named, url: null, fault, object: null };
  }
  try {
    const object = cacheManager.objectOf(service, region, url);
    // A rule may ignore the query, which then is not part of the object's URL.
    const isIdentity = object === null || object.url === url.href;
    return { ...named, url: isIdentity ? url : new URL(object.url), fault: null, object };
  } catch {
    // A defect of this program. `CacheManager.redirect` throws it again, and the route redirects the client to the origin.
    return { ...named, url, fault: null, object: null };
  }
}
