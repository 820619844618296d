import { getHeapStatistics } from 'node:v8';
import { BoundedMemory, stringHash } from '@cloud-mirror/bounded-memory';
import type { CacheManager } from '@cloud-mirror/cache-manager';
import { AccessLog } from '@cloud-mirror/http-service';
import type { Config } from '@cloud-mirror/mirror';
import { copyKey, type Copy, type MirroredObject } from '@cloud-mirror/mirrored-objects';
import type { FrontendMetrics } from '../machines/metrics.ts';
import type { ObjectRedirectCall } from '../parsed-call.ts';
import type { HitReport } from '../request-context.ts';
import type { RequestRecord } from '../request-record.ts';
import { flatString, messageTail, REDIRECTED } from './hit-message.ts';
import { recordObject } from './object-record.ts';
import { presentAnswer } from './redirect-answer.ts';
import { RememberedCall, type RememberedAnswer } from './remembered-call.ts';

export interface RememberedAnswersParts {
  readonly server: Pick<Config['server'], 'redirectMaxAgeSeconds' | 'rememberedBytes'>;
  readonly cacheManager: Pick<CacheManager, 'recallHit' | 'findHit'>;
  readonly metrics: Pick<FrontendMetrics, 'tallyOf'>;
}

/** What a call takes in memory without its texts. Measured: remembered-bytes.test.ts. */
const CALL_BYTES = 700;
/** A longer target is parsed each time: a client may add a query or a file name of any length. */
const LONGEST_KEPT_TARGET = 2_048;

/**
 * Parsed calls and the responses to their last hits, by request target, which answer nearly every request. The cache
 * manager decides whether there is a hit. A call without a hit is not kept, so that nobody fills the memory with URLs that do
 * not exist.
 */
export class RememberedAnswers {
  readonly #parts: RememberedAnswersParts;
  readonly #calls: BoundedMemory<string, RememberedCall>;

  constructor(parts: RememberedAnswersParts) {
    this.#parts = parts;
    this.#calls = new BoundedMemory({
      maxBytes: callBytes(parts.server),
      bytesOf: bytesOfCall,
      hashOf: stringHash,
    });
  }

  /** The bytes of all remembered calls. */
  get bytes(): number {
    return this.#calls.bytes;
  }

  /** @param target the target in the request line, unparsed */
  callOf(target: string): RememberedCall | undefined {
    return this.#calls.get(target);
  }

  /** A call that is kept as soon as {@link find} has found a hit for it. */
  begin(target: string, call: ObjectRedirectCall): RememberedCall {
    return new RememberedCall(target, call.object, this.#reportOf(call));
  }

  /** The response, if memory alone has it; null if {@link find} must look for it. */
  recall({ object, last }: RememberedCall): RememberedAnswer | null {
    if (last === null || !isSignedNow(last, object)) return null;
    try {
      return this.#parts.cacheManager.recallHit(object) === last.copy ? last : null;
    } catch {
      // As in find: the application answers this fault.
      return null;
    }
  }

  /**
   * Finds the response by the entry in memory, or by one read of the entry store.
   * @returns `missing` if there is no entry; null if the application must decide
   */
  async find(call: RememberedCall): Promise<RememberedAnswer | 'missing' | null> {
    const { cacheManager } = this.#parts;
    const { object, last } = call;
    try {
      const copy = cacheManager.recallHit(object) ?? (await cacheManager.findHit(object));
      if (copy === null || copy === 'missing') return copy;
      // The copy may be the same although the answer could not be recalled: the entry had to be read again.
      if (last !== null && last.copy === copy && isSignedNow(last, object)) return last;
      return await this.#answerWith(copy, call);
    } catch {
      // The application encounters the same error and answers it.
      return null;
    }
  }

  async #answerWith(copy: Copy, call: RememberedCall): Promise<RememberedAnswer | null> {
    const { object } = call;
    const { store } = object.backend;
    const signedFor = signingSecond(object);
    const location = await store.urlFor(copyKey(object, copy.generation), 'GET');
    const { access } = store;
    const { sha256 } = copy;
    const outcome = { kind: 'present', location, access, how: 'hit', collapsed: false, sha256 } as const;
    const tail = messageTail(presentAnswer(outcome, this.#parts.server));
    if (tail === null) return null;
    // A signed URL is reused for one second. Keep it only for an object with frequent requests: garbage collection of
    // short-lived values would cost more than signing.
    const keeps = signedFor === null || signedFor === call.signedFor;
    const answer = { copy, signedFor, tail: keeps ? flatString(tail) : tail };
    call.last = keeps ? answer : null;
    call.signedFor = signedFor;
    if (call.line.length <= LONGEST_KEPT_TARGET) this.#calls.set(call.line, call);
    return answer;
  }

  #reportOf(call: ObjectRedirectCall): HitReport {
    const record: RequestRecord = { route: 'redirect', outcome: 'hit' };
    recordObject(record, call.service, call.region, call.url, call.object.id.sha256);
    return {
      logged: flatString(AccessLog.recordOf(record)),
      tally: this.#parts.metrics.tallyOf(record, { method: 'GET', status: REDIRECTED }),
    };
  }
}

/** The share of `server.rememberedBytes` for calls; see {@link entryBytes}. */
const CALL_SHARE = 0.72;

/** The most that is remembered if the configuration says nothing. */
const MOST_BYTES = 256 * 1024 * 1024;

function allBytes({ rememberedBytes }: Pick<Config['server'], 'rememberedBytes'>): number {
  return rememberedBytes ?? Math.min(MOST_BYTES, getHeapStatistics().heap_size_limit / 2);
}

function callBytes(server: Pick<Config['server'], 'rememberedBytes'>): number {
  return allBytes(server) * CALL_SHARE;
}

/** The rest of `server.rememberedBytes`: for the entries behind the calls. A call takes about three times as much as an entry. */
export function entryBytes(server: Pick<Config['server'], 'rememberedBytes'>): number {
  return allBytes(server) * (1 - CALL_SHARE);
}

function bytesOfCall(target: string, { object, logged, last }: RememberedCall): number {
  return CALL_BYTES + target.length + object.url.length + logged.length + (last?.tail.length ?? 0);
}

/** Whether the store would sign the same URL again, or does not sign. */
function isSignedNow({ signedFor }: RememberedAnswer, object: MirroredObject): boolean {
  return signedFor === null || signedFor === signingSecond(object);
}

/** Signatures contain their time in seconds, so a URL has the same signature within one second. null: unsigned. */
function signingSecond({ backend }: MirroredObject): number | null {
  return backend.store.access === 'public' ? null : Math.floor(Date.now() / 1000);
}
