import { validateHeaderValue } from 'node:http';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { copyKey } from '@cloud-mirror/cache-manager';
import type { CacheManager, Copy, MirroredObject } from '@cloud-mirror/cache-manager';
import type { Config } from '@cloud-mirror/config';
import { AccessLog } from '../http/access-log.ts';
import type { LoggedRecord } from '../http/access-log.ts';
import { jsonHeaders } from '../http/answer.ts';
import type { RequestRecord } from '../http/request-context.ts';
import type { Arrival } from '../http/receive-request.ts';
import { requestIdOf } from '../http/request-id.ts';
import { parseRequestTarget } from '../http/request-target.ts';
import type { FrontendMetrics, Tally } from '../machines/metrics.ts';
import { parseObjectPath } from './object-path.ts';
import { recordObject } from './object-record.ts';
import { decodeOriginUrlParameter } from './origin-url-parameter.ts';
import { RecentlyUsed } from './recently-used.ts';
import { presentAnswer, type RedirectAnswer } from './redirect-answer.ts';

export interface HitShortcutParts {
  readonly server: Pick<Config['server'], 'maxUrlBytes' | 'redirectMaxAgeSeconds'>;
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
  /** Of hits by GET. */
  readonly tally: Tally;
  /** The answer to the last hit on it, where it may be asked for again. */
  last: Answer | null;
  /** As of the last answer, kept or not. */
  signedFor: string | null;
}

interface Answer {
  /** What it leads to: the very one, since entries that are remembered stay the objects that they are. */
  readonly copy: Copy;
  /** The second, and the method, for which a signed address is what would be signed again; `null`: always. */
  readonly signedFor: string | null;
  /** Names and values in turn. The first is X-Request-Id: each answer puts its own into {@link ID_PLACE} before it is sent. */
  readonly headers: string[];
  readonly body: string;
  /** The body is ASCII, as every address is: the quickest to write. */
  readonly encoding: 'latin1' | 'utf8';
}

/** Targets that are kept. Most take two kilobytes, with the answer to the last hit; long ones more, and count for as many. */
const MOST_TARGETS = 131_072;
const USUAL_TARGET = 512;
/** Longer ones are read each time: clients may pad them with queries and file names of any length. */
const LONGEST_KEPT_TARGET = 2_048;
const REDIRECT = '/v1/redirect/';
const REDIRECTED = 302;
const ID_PLACE = 1;

/**
 * Answers plain requests for copies that are there, without the application: most requests are no other, and the
 * application takes twice the time of everything else about them. It decides nothing by itself: what is not plain, and
 * what the cache manager does not call a hit, is left to the application, which begins from the start.
 */
export class HitShortcut {
  readonly #parts: HitShortcutParts;
  readonly #targets = new RecentlyUsed<string, Target>(MOST_TARGETS, (url) =>
    Math.ceil(url.length / USUAL_TARGET),
  );

  constructor(parts: HitShortcutParts) {
    this.#parts = parts;
  }

  /** @param otherwise takes the request, now or later, where it is no plain hit, with what is known of it by then */
  handle(req: IncomingMessage, res: ServerResponse, otherwise: (arrival: Arrival) => void): void {
    const arrivedAtMs = performance.now();
    const target = this.#plainTarget(req);
    if (target === null) return otherwise({ arrivedAtMs, missing: false });
    const copy = this.#parts.cacheManager.recallHit(target.object);
    const answer = copy === null ? null : keptAnswer(target, copy, req.method);
    if (answer !== null) return this.#send(req, res, target, answer, arrivedAtMs);
    // Who goes away meanwhile is told of here: the application would wait for an end that has been.
    const gone = (): void => this.#tellGone(req, res, target, arrivedAtMs);
    res.once('close', gone);
    const goOn = (found: Answer | 'missing' | null): void => {
      if (res.closed) return;
      res.off('close', gone);
      if (found === null || found === 'missing' || this.#parts.isDraining())
        otherwise({ arrivedAtMs, missing: found === 'missing' });
      else this.#send(req, res, target, found, arrivedAtMs);
    };
    this.#find(target, copy, req.method).then(
      goOn,
      // The application meets the same fault, and knows what to say of it.
      () => goOn(null),
    );
  }

  /** `null`: a request that the application must judge. */
  #plainTarget({ method, url = '', headers, httpVersion }: IncomingMessage): Target | null {
    if ((method !== 'GET' && method !== 'HEAD') || !url.startsWith(REDIRECT) || this.#parts.isDraining())
      return null;
    if (headers['cache-control'] !== undefined || headers['pragma'] !== undefined) return null;
    if (headers['content-length'] !== undefined || headers['transfer-encoding'] !== undefined) return null;
    if (headers.host === undefined && httpVersion === '1.1') return null;
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
      return { object, logged: AccessLog.recordOf(record), tally, last: null, signedFor: null };
    } catch {
      // The application says what is wrong with it.
      return null;
    }
  }

  async #find(
    target: Target,
    recalled: Copy | null,
    method: string | undefined,
  ): Promise<Answer | 'missing' | null> {
    const { cacheManager, server } = this.#parts;
    const { object } = target;
    const copy = recalled ?? (await cacheManager.findHit(object));
    if (copy === null || copy === 'missing') return copy;
    const kept = keptAnswer(target, copy, method);
    if (kept !== null) return kept;
    const { store } = object.backend;
    const signedFor = signature(object, method);
    const location = await store.urlFor(copyKey(object, copy.generation), method === 'HEAD' ? 'HEAD' : 'GET');
    const { access } = store;
    const { sha256 } = copy;
    const how = { kind: 'present', location, access, how: 'hit', collapsed: false, sha256 } as const;
    const answer = answerOf(copy, signedFor, presentAnswer(how, server));
    // What is kept for a moment only is work for the collector: worth it where the same is asked for again and again.
    const keeps = signedFor === null || signedFor === target.signedFor;
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
    const tally =
      req.method === 'GET'
        ? target.tally
        : metrics.tallyOf(recordIn(target), { method: 'HEAD', status: REDIRECTED });
    res.on('close', () => {
      const durationMs = performance.now() - arrivedAtMs;
      metrics.countRequest(tally, durationMs);
      accessLog.tell(req, res, { requestId, record: target.logged, durationMs });
    });
    answer.headers[ID_PLACE] = requestId;
    res.writeHead(REDIRECTED, answer.headers);
    // Kept answers are old: a young string in one has to be carried along by the collector.
    answer.headers[ID_PLACE] = '';
    if (req.method === 'HEAD') res.end();
    else res.end(answer.body, answer.encoding);
  }

  #tellGone(req: IncomingMessage, res: ServerResponse, target: Target, arrivedAtMs: number): void {
    const { metrics, accessLog } = this.#parts;
    const durationMs = performance.now() - arrivedAtMs;
    const requestId = requestIdOf(req.headers['x-request-id']);
    // What the application's answers are before they are any.
    res.statusCode = 404;
    const gone = { ...recordIn(target), outcome: 'client_gone' };
    const answered = { method: req.method ?? 'unknown', status: res.statusCode };
    metrics.countRequest(metrics.tallyOf(gone, answered), durationMs);
    accessLog.tell(req, res, { requestId, record: AccessLog.recordOf(gone), durationMs });
  }
}

/** Seldom asked for, and so not kept: there are many targets. */
function recordIn({ logged }: Target): RequestRecord {
  return JSON.parse(`{${logged}}`) as RequestRecord;
}

/** @throws TypeError where no header can carry it: once it is kept, nobody could take the fault of a later answer */
function answerOf(copy: Copy, signedFor: string | null, answer: RedirectAnswer): Answer {
  const body = JSON.stringify(answer.body);
  const bytes = Buffer.byteLength(body);
  const fields = jsonHeaders(answer.headers);
  const headers = ['X-Request-Id', '', 'Content-Length', String(bytes)];
  for (const name in fields) {
    const value = fields[name] ?? '';
    validateHeaderValue(name, value);
    headers.push(name, value);
  }
  return { copy, signedFor, headers, body, encoding: bytes === body.length ? 'latin1' : 'utf8' };
}

/** The answer to the last hit, where it is what would be answered again. */
function keptAnswer({ object, last }: Target, copy: Copy, method: string | undefined): Answer | null {
  if (last === null || last.copy !== copy) return null;
  return last.signedFor === null || last.signedFor === signature(object, method) ? last : null;
}

/** Signatures tell the time in seconds: within one, the same is signed again. */
function signature({ backend }: MirroredObject, method: string | undefined): string | null {
  return backend.store.access === 'public' ? null : `${method} ${Math.floor(Date.now() / 1000)}`;
}
