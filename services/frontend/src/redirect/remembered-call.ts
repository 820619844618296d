import { parseRequestTarget, type LoggedRecord, type RequestTarget } from '@cloud-mirror/http-service';
import type { Copy, MirroredObject } from '@cloud-mirror/mirrored-objects';
import type { Tally } from '../machines/metrics.ts';
import type { ObjectRedirectCall } from '../parsed-call.ts';
import type { HitReport } from '../request-context.ts';
import type { MessageTail } from './hit-message.ts';

/** Answers a hit. */
export interface RememberedAnswer {
  /** The copy that it leads to. Compared by identity: an entry in memory stays the same object for as long as it is current. */
  readonly copy: Copy;
  /** The second in which a signed address was signed; `null` where the address is not signed and stays good. */
  readonly signedFor: number | null;
  readonly tail: MessageTail;
}

/**
 * A parsed redirect that is kept for the next requests for the same target, with what their hits have in common.
 *
 * There are many of these, so each holds little. The URL and the parts of the target are made from what is kept where the
 * application needs them: a hit does not.
 */
export class RememberedCall implements ObjectRedirectCall, HitReport {
  readonly kind = 'redirect';
  readonly object: MirroredObject;
  readonly logged: LoggedRecord;
  readonly tally: Tally;
  /** The answer to the last hit, where the next one may get the same. */
  last: RememberedAnswer | null = null;
  /** `signedFor` of the last answer, kept or not. */
  signedFor: number | null = null;
  readonly #line: string;

  /** @param line the target as it is in the request line */
  constructor(line: string, object: MirroredObject, { logged, tally }: HitReport) {
    this.object = object;
    this.logged = logged;
    this.tally = tally;
    this.#line = line;
  }

  get target(): RequestTarget {
    return parseRequestTarget(this.#line);
  }

  get service(): string {
    return this.object.backend.service;
  }

  get region(): string {
    return this.object.backend.region;
  }

  /** From its normal form, so that it is neither decoded nor judged again. */
  get url(): URL {
    return new URL(this.object.url);
  }

  get fault(): null {
    return null;
  }
}
