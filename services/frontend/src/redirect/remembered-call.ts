import { parseRequestTarget, type LoggedRecord, type RequestTarget } from '@cloud-mirror/http-service';
import type { Copy, MirroredObject } from '@cloud-mirror/mirrored-objects';
import type { Tally } from '../machines/metrics.ts';
import type { ObjectRedirectCall } from '../parsed-call.ts';
import type { HitReport } from '../request-context.ts';
import type { MessageTail } from './hit-message.ts';

/** A prepared response to a hit. */
export interface RememberedAnswer {
  /** The target of the redirect. Compared by identity, because an entry in memory is the same object while it is current. */
  readonly copy: Copy;
  /** The second in which the URL was signed; null for an unsigned URL, which stays valid. */
  readonly signedFor: number | null;
  readonly tail: MessageTail;
}

/**
 * A parsed redirect that is kept for later requests for the same target, with the log record and tally of its hits.
 *
 * Thousands of these are in memory, so each is small: the URL and the parts of the target, which a hit does not need, are
 * computed only when the application needs them.
 */
export class RememberedCall implements ObjectRedirectCall, HitReport {
  readonly kind = 'redirect';
  readonly object: MirroredObject;
  readonly logged: LoggedRecord;
  readonly tally: Tally;
  /** The response to the last hit, if the next hit may get the same one. */
  last: RememberedAnswer | null = null;
  /** `signedFor` of the last answer, kept or not. */
  signedFor: number | null = null;
  /** The target in the request line, unparsed. */
  readonly line: string;

  /** @param line the target in the request line, unparsed */
  constructor(line: string, object: MirroredObject, { logged, tally }: HitReport) {
    this.object = object;
    this.logged = logged;
    this.tally = tally;
    this.line = line;
  }

  get target(): RequestTarget {
    return parseRequestTarget(this.line);
  }

  get service(): string {
    return this.object.backend.service;
  }

  get region(): string {
    return this.object.backend.region;
  }

  /** Built from the normal form, so that the parameter is not decoded and checked again. */
  get url(): URL {
    return new URL(this.object.url);
  }

  get fault(): null {
    return null;
  }
}
