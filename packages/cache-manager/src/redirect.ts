import type { MirroredObject } from '@cloud-mirror/mirrored-objects';

/** A client's request for the copy of `url` in one region. */
export interface RedirectRequest {
  readonly service: string;
  readonly region: string;
  /** Normal form of the origin URL. With `object`, it is the URL of that object. */
  readonly url: URL;
  /** The result of `CacheManager.objectOf` for the URL, to save a second check and hash; `null` to have the URL checked. */
  readonly object?: MirroredObject | null | undefined;
  readonly method: 'GET' | 'HEAD';
  readonly requestId: string;
  /** `performance.now()` when the request arrived. */
  readonly arrivedAtMs: number;
  /** The wait for a copy, in milliseconds from arrival. It is already limited by the server's maximum. */
  readonly waitMs: number;
  /** Whether to answer `accepted` instead of a redirect to the origin when the wait is over. */
  readonly respondAsync: boolean;
  /** Whether to check that the copy exists before redirecting to it. */
  readonly revalidate: boolean;
  /** True if the entry was read after the request arrived and was absent. It need not be read again. */
  readonly missing?: boolean | undefined;
  /** Names the client, for fair shares: what `clientNetwork` returns. Without it the request has no share to exceed. */
  readonly client?: string | undefined;
  /** Aborted when the client disconnects. The copy continues without it. */
  readonly signal: AbortSignal;
}

/** Why a client is redirected to the origin. The words are stable: Cache-Status, metrics and logs contain them. */
export type FallbackReason =
  | 'wait_over' // the copy is still being made
  | 'not_waiting' // the client asked not to wait
  | 'too_many_waiting' // server.maxWaiting
  | 'client_over_share' // this client has its share of the requests that wait, or of the look-ups of unknown objects
  | 'copy_failed' // the last try failed, and the next one is not due within the wait
  | 'over_budget' // a budget of new copies is used up
  | 'too_large' // sources.maxObjectBytes
  | 'origin_busy' // the mirror already uses the origin as much as sources.perOrigin allows
  | 'origin_unreachable' // the mirror cannot reach it; the client may be able to
  | 'origin_refused' // the origin answered 401, 403 or 429, and the rule has onRefusal: origin
  | 'cookie_required' // a redirect of the origin set a cookie, and the next answer was a refusal or a redirect loop
  | 'not_copyable' // the origin answered with a success that is not the whole object
  | 'not_shareable' // Vary, Cache-Control or Set-Cookie: the answer is not for every client
  | 'store_unavailable'
  | 'store_missing' // the bucket or folder itself does not exist
  | 'store_key_refused' // the store refuses such keys: the region needs keys: hashed
  | 'queue_unavailable'
  | 'entries_unavailable'
  | 'internal_error';

export type RedirectOutcome =
  | {
      readonly kind: 'present';
      readonly location: string;
      readonly access: 'public' | 'signed';
      /** `hit` if the copy was in place; `stored` if it was made while the client waited. */
      readonly how: 'hit' | 'stored';
      /** True if the request waited for a copy that another request had asked for. */
      readonly collapsed: boolean;
      readonly sha256: string | null;
    }
  | {
      readonly kind: 'origin';
      readonly location: string;
      readonly state: 'pending' | 'error';
      readonly reason: FallbackReason;
      readonly message: string;
    }
  | { readonly kind: 'accepted'; readonly retryAfterSeconds: number; readonly message: string }
  | {
      readonly kind: 'origin_status';
      readonly status: number;
      readonly host: string;
      /** Remaining seconds of the origin's Retry-After; `null` if it sent none or the time has passed. */
      readonly retryAfterSeconds: number | null;
      readonly message: string;
    }
  | { readonly kind: 'origin_redirects'; readonly message: string }
  | { readonly kind: 'not_allowed'; readonly message: string }
  | { readonly kind: 'unknown_backend'; readonly known: readonly string[] };
