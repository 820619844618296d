import type { IncomingMessage, ServerResponse } from 'node:http';
import { copyKey, type Copy, type MirroredObject } from '@cloud-mirror/mirrored-objects';
import type { CacheManager } from '@cloud-mirror/cache-manager';
import type { Config } from '@cloud-mirror/mirror';
import {
  AccessLog,
  endOf,
  parseRequestTarget,
  requestIdOf,
  sendWholeMessage,
  takesWholeMessages,
} from '@cloud-mirror/http-service';
import type { LoggedRecord } from '@cloud-mirror/http-service';
import type { Arrival, RequestRecord } from '../request-context.ts';
import type { FrontendMetrics, Tally } from '../machines/metrics.ts';
import { inOnePiece, messageRest, MessageStart, REDIRECTED, type MessageRest } from './hit-message.ts';
import { parseObjectPath } from './object-path.ts';
import { recordObject } from './object-record.ts';
import { decodeOriginUrlParameter } from './origin-url-parameter.ts';
import { RecentlyUsed } from './recently-used.ts';
import { presentAnswer } from './redirect-answer.ts';

export interface HitShortcutParts {
  readonly server: Pick<Config['server'], 'maxUrlBytes' | 'redirectMaxAgeSeconds' | 'keepAliveSeconds'>;
  readonly cacheManager: Pick<CacheManager, 'objectOf' | 'recallHit' | 'findHit'>;
  readonly isDraining: () => boolean;
  readonly metrics: Pick<FrontendMetrics, 'countRequest' | 'tallyOf'>;
  readonly accessLog: AccessLog;
}

/** What a request target stands for. Depends on the configuration alone, so that it may be kept. */
interface Target {
  readonly object: MirroredObject;
  /** The record of a hit. */
  readonly logged: LoggedRecord;
  readonly tally: Tally;
  /** The answer to the last hit on it, where it may be asked for again. */
  last: Answer | null;
  /** As of the last answer, kept or not. */
  signedFor: number | null;
}

interface Answer {
  /** What it leads to: the very one, since entries that are remembered stay the objects that they are. */
  readonly copy: Copy;
  /** The second for which a signed address is what would be signed again; `null`: always. */
  readonly signedFor: number | null;
  readonly rest: MessageRest;
}

/** Targets that are kept. Most take two kilobytes, with the answer to the last hit; long ones more, and count for as many. */
const MOST_TARGETS = 131_072;
const USUAL_TARGET = 512;
/** Longer ones are read each time: clients may pad them with queries and file names of any length. */
const LONGEST_KEPT_TARGET = 2_048;
const REDIRECT = '/v1/redirect/';

/**
 * Answers plain requests for copies that are there, without the application: most requests are no other, and the
 * application takes twice the time of everything else about them. It decides nothing by itself: what is not plain, and
 * what the cache manager does not call a hit, is left to the application, which begins from the start.
 */
export class HitShortcut {
  readonly #parts: HitShortcutParts;
  readonly #start: MessageStart;
  readonly #usable = takesWholeMessages();
  readonly #targets = new RecentlyUsed<string, Target>(MOST_TARGETS, (url) =>
    Math.ceil(url.length / USUAL_TARGET),
  );

  constructor(parts: HitShortcutParts) {
    this.#parts = parts;
    this.#start = new MessageStart(parts.server.keepAliveSeconds);
  }

  /** @param otherwise takes the request, now or later, where it is no plain hit, with what is known of it by then */
  handle(req: IncomingMessage, res: ServerResponse, otherwise: (arrival: Arrival) => void): void {
    const arrivedAtMs = performance.now();
    const target = this.#isPlain(req, res) ? this.#targetOf(req.url ?? '') : null;
    if (target === null) return otherwise({ arrivedAtMs, missing: false });
    const copy = this.#parts.cacheManager.recallHit(target.object);
    const answer = copy === null ? null : keptAnswer(target, copy);
    if (answer !== null) return this.#send(req, res, target, answer, arrivedAtMs);
    // Koa would wait for a 'close' event that has already fired, so a client that leaves meanwhile is logged here.
    const gone = (): void => this.#tellGone(req, res, target, arrivedAtMs);
    res.once('close', gone);
    const goOn = (found: Answer | 'missing' | null): void => {
      if (res.closed) return;
      res.off('close', gone);
      if (found === null || found === 'missing' || !this.#keepsConnection(res))
        otherwise({ arrivedAtMs, missing: found === 'missing' });
      else this.#send(req, res, target, found, arrivedAtMs);
    };
    this.#find(target, copy).then(
      goOn,
      // The application meets the same fault, and knows what to say of it.
      () => goOn(null),
    );
  }

  /** Whether all that the answer depends on is the target. */
  #isPlain({ method, url = '', headers, httpVersion }: IncomingMessage, res: ServerResponse): boolean {
    if (method !== 'GET' || !url.startsWith(REDIRECT) || !this.#keepsConnection(res)) return false;
    if (headers['cache-control'] !== undefined || headers['pragma'] !== undefined) return false;
    if (headers['content-length'] !== undefined || headers['transfer-encoding'] !== undefined) return false;
    return headers.host !== undefined || httpVersion !== '1.1';
  }

  #keepsConnection(res: ServerResponse): boolean {
    return res.shouldKeepAlive && this.#usable && !this.#parts.isDraining();
  }

  /** `null`: one that the application must judge. */
  #targetOf(url: string): Target | null {
    const known = this.#targets.get(url);
    if (known !== undefined) return known;
    const target = this.#readTarget(url);
    if (target !== null && url.length <= LONGEST_KEPT_TARGET) this.#targets.set(url, target);
    return target;
  }

  #readTarget(url: string): Target | null {
    const path = parseObjectPath(parseRequestTarget(url).rawPath);
    if (path === null) return null;
    const { service, region, parameter } = path;
    try {
      const origin = decodeOriginUrlParameter(parameter, this.#parts.server.maxUrlBytes);
      const object = this.#parts.cacheManager.objectOf(service, region, origin);
      if (object === null) return null;
      const record: RequestRecord = { route: 'redirect', outcome: 'hit' };
      recordObject(record, service, region, origin);
      const tally = this.#parts.metrics.tallyOf(record, { method: 'GET', status: REDIRECTED });
      const logged = inOnePiece(AccessLog.recordOf(record));
      return { object, logged, tally, last: null, signedFor: null };
    } catch {
      // The application says what is wrong with it.
      return null;
    }
  }

  async #find(target: Target, recalled: Copy | null): Promise<Answer | 'missing' | null> {
    const { cacheManager, server } = this.#parts;
    const { object } = target;
    const copy = recalled ?? (await cacheManager.findHit(object));
    if (copy === null || copy === 'missing') return copy;
    const kept = keptAnswer(target, copy);
    if (kept !== null) return kept;
    const { store } = object.backend;
    const signedFor = signingSecond(object);
    const location = await store.urlFor(copyKey(object, copy.generation), 'GET');
    const { access } = store;
    const { sha256 } = copy;
    const how = { kind: 'present', location, access, how: 'hit', collapsed: false, sha256 } as const;
    const rest = messageRest(presentAnswer(how, server));
    if (rest === null) return null;
    // What is kept for a moment only is work for the collector: worth it where the same is asked for again and again.
    const keeps = signedFor === null || signedFor === target.signedFor;
    const answer = { copy, signedFor, rest: keeps ? inOnePiece(rest) : rest };
    target.last = keeps ? answer : null;
    target.signedFor = signedFor;
    return answer;
  }

  #send(
    req: IncomingMessage,
    res: ServerResponse,
    target: Target,
    answer: Answer,
    arrivedAtMs: number,
  ): void {
    const { metrics, accessLog } = this.#parts;
    const requestId = requestIdOf(req.headers['x-request-id']);
    res.on('close', () => {
      if (!res.writableFinished) return this.#tellGone(req, res, target, arrivedAtMs);
      const durationMs = performance.now() - arrivedAtMs;
      metrics.countRequest(target.tally, durationMs);
      accessLog.tell(req, res, { requestId, record: target.logged, durationMs });
    });
    sendWholeMessage(res, REDIRECTED, `${this.#start.now()}${requestId}${answer.rest}`);
  }

  #tellGone(req: IncomingMessage, res: ServerResponse, target: Target, arrivedAtMs: number): void {
    const { metrics, accessLog } = this.#parts;
    const durationMs = performance.now() - arrivedAtMs;
    const requestId = requestIdOf(req.headers['x-request-id']);
    const { record, status } = endOf(res, recordIn(target));
    metrics.countRequest(metrics.tallyOf(record, { method: req.method ?? 'unknown', status }), durationMs);
    accessLog.tell(req, res, { requestId, record: AccessLog.recordOf(record), durationMs });
  }
}

/** Seldom asked for, and so not kept: there are many targets. */
function recordIn({ logged }: Target): RequestRecord {
  return JSON.parse(`{${logged}}`) as RequestRecord;
}

/** The answer to the last hit, where it is what would be answered again. */
function keptAnswer({ object, last }: Target, copy: Copy): Answer | null {
  if (last === null || last.copy !== copy) return null;
  return last.signedFor === null || last.signedFor === signingSecond(object) ? last : null;
}

/** Signatures tell the time in seconds: within one, the same is signed again. `null`: nothing is signed. */
function signingSecond({ backend }: MirroredObject): number | null {
  return backend.store.access === 'public' ? null : Math.floor(Date.now() / 1000);
}
