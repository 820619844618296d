import type { MirroredObject } from '@cloud-mirror/mirrored-objects';

/** A client's question: where is the copy of `url` in this region? */
export interface RedirectRequest {
  readonly service: string;
  readonly region: string;
  /** Normal form of the origin URL. */
  readonly url: URL;
  /** What `CacheManager.objectOf` returned for the URL, so that it is neither judged nor hashed again; `null`: it is judged here. */
  readonly object?: MirroredObject | null | undefined;
  readonly method: 'GET' | 'HEAD';
  readonly requestId: string;
  /** `performance.now()` when the request arrived. */
  readonly arrivedAtMs: number;
  /** How long to wait for a copy, in milliseconds from arrival, already capped by the server's maximum. */
  readonly waitMs: number;
  /** When the wait is over answer `accepted` instead of the origin. */
  readonly respondAsync: boolean;
  /** Check that the copy is there before answering with it. */
  readonly revalidate: boolean;
  /** The entry was read since the request arrived, and there was none: it need not be read again. */
  readonly missing?: boolean | undefined;
  /** Aborted when the client went away; the copy goes on without it. */
  readonly signal: AbortSignal;
}

/** Why a client is sent to the origin. Stable words: they are in Cache-Status, metrics and logs. */
export type FallbackReason =
  | 'wait_over' // the copy is still being made
  | 'not_waiting' // the client asked not to wait
  | 'too_many_waiting' // server.maxWaiting
  | 'copy_failed' // the last try failed, the next one is not due within the wait
  | 'too_large' // sources.maxObjectBytes
  | 'origin_unreachable' // from here; the client may reach it
  | 'origin_refused' // 401, 403 or 429 of the origin, where the rule says onRefusal: origin
  | 'cookie_required' // a redirect of the origin set a cookie and what followed was a refusal or a circle
  | 'not_copyable' // the origin answered with a success that is not the whole object
  | 'not_shareable' // Vary, Cache-Control or Set-Cookie: the answer is not for every client
  | 'store_unavailable'
  | 'store_missing' // the bucket or folder itself is not there
  | 'store_key_refused' // the store takes no such key: the region needs keys: hashed
  | 'queue_unavailable'
  | 'entries_unavailable'
  | 'internal_error';

export type RedirectOutcome =
  | {
      readonly kind: 'present';
      readonly location: string;
      readonly access: 'public' | 'signed';
      /** `hit`: it was there; `stored`: it was made while the client waited. */
      readonly how: 'hit' | 'stored';
      /** Another request had asked for the copy. */
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
      /** What is left of the origin's Retry-After; `null` where it gave none, or it is over. */
      readonly retryAfterSeconds: number | null;
      readonly message: string;
    }
  | { readonly kind: 'origin_redirects'; readonly message: string }
  | { readonly kind: 'not_allowed'; readonly message: string }
  | { readonly kind: 'unknown_backend'; readonly known: readonly string[] };
