import { setTimeout as sleep } from 'node:timers/promises';
import { backoff } from '@cloud-mirror/waiting';
import type { CallLifetime } from './call-lifetime.ts';
import { roughCause } from './connection-failure.ts';
import { parseContentRange, type ContentRange } from './content-range.ts';
import { digestClaims, type DigestClaim } from './digest-claims.ts';
import { StreamDigests } from './digests.ts';
import { hostForClients } from './log-form.ts';
import { GuessedDigestError, isRetryableStatus, OriginError } from './origin.ts';
import { PacedReader, type PaceOptions } from './paced-reader.ts';
import type { FollowedResponse } from './redirect-follower.ts';
import type { ResponseHeaders } from './response-headers.ts';
import { parseRetryAfter } from './retry-after.ts';
import { freeSpentChunk } from './spent-chunk.ts';
import { hasSameValidator, strongValidator, type StrongValidator } from './validators.ts';

export interface OriginBodyOptions {
  readonly lifetime: CallLifetime;
  /** Complete length; `null` if the first answer does not state it. */
  readonly sizeBytes: number | null;
  readonly maxObjectBytes: number;
  readonly pace: PaceOptions;
  /** See `OriginOpenOptions`. */
  readonly guessFailedWith?: string | undefined;
  /**
   * Requests the bytes from `from` on, with `validator` as If-Range. Resolves with any answer from the same resource as
   * the first one; `OriginBody` decides whether it is usable.
   * @throws {OriginError}
   */
  readonly requestRemainder: (from: number, validator: string) => Promise<FollowedResponse>;
}

/** Requests to resume one body. Bounded because a hostile origin could break the connection for ever. */
const MAX_RESUMES = 10;
const FIRST_BACKOFF_MS = 100;
const LONGEST_BACKOFF_MS = 5000;

/**
 * The bytes of an object. Resumes after broken connections and verifies length and digests at the end. Iterate it once,
 * or dispose of it unread.
 *
 * @throws {OriginError} from the constructor: `origin_mismatch` if the end of the body cannot be proved, `too_large`
 */
export class OriginBody implements AsyncIterable<Uint8Array>, AsyncDisposable {
  /** Whether the origin sent a digest of the bytes. */
  readonly hasDigest: boolean;
  readonly #first: FollowedResponse;
  readonly #options: OriginBodyOptions;
  readonly #claims: readonly DigestClaim[];
  readonly #digests: StreamDigests;
  /** Sent as If-Range and required in each 206; `null` if a broken body cannot be resumed. */
  readonly #validator: StrongValidator | null;
  #sizeBytes: number | null;
  /** End of the current answer's bytes by its Content-Range, exclusive; `null` for the first answer. */
  #rangeEnd: number | null = null;
  #reader: PacedReader;
  #throttle: FollowedResponse['throttle'];
  #receivedBytes = 0;
  #resumes = 0;
  #iterated = false;
  #sha256: string | null = null;

  constructor(first: FollowedResponse, options: OriginBodyOptions) {
    const { headers } = first;
    const claims = digestClaims(headers);
    // A guessed digest that failed before proves neither the bytes nor their end.
    this.hasDigest = claims.some(({ guessed }) => guessed !== true || options.guessFailedWith === undefined);
    if (headers.hasForeignTransferCoding() || (!headers.isFramed() && !this.hasDigest))
      throw new OriginError(
        'origin_mismatch',
        'the origin gives neither a length, nor chunks, nor a digest: the end of the body cannot be proved',
        { retryable: false, host: first.finalUrl.host },
      );
    this.#first = first;
    this.#options = options;
    this.#claims = claims;
    this.#digests = new StreamDigests(claims);
    this.#validator =
      headers.list('accept-ranges')?.trim().toLowerCase() === 'bytes' ? strongValidator(headers) : null;
    this.#sizeBytes = options.sizeBytes;
    if (this.#sizeBytes !== null && this.#sizeBytes > options.maxObjectBytes) throw this.#tooLarge();
    this.#reader = new PacedReader(first.body, options.pace);
    this.#throttle = first.throttle;
  }

  /** SHA-256 of all bytes, in lower-case hex; `null` until the iteration has ended. */
  get sha256(): string | null {
    return this.#sha256;
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array, void, undefined> {
    if (this.#iterated) throw new TypeError('the body of an origin object can be iterated once');
    this.#iterated = true;
    try {
      for (let chunk = await this.#next(); chunk !== null; chunk = await this.#next()) {
        yield chunk;
        freeSpentChunk(chunk);
      }
      this.#verify();
    } finally {
      await this[Symbol.asyncDispose]();
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#iterated = true;
    this.#reader.destroy();
    this.#options.lifetime[Symbol.dispose]();
  }

  async #next(): Promise<Uint8Array | null> {
    for (;;) {
      const read = await this.#read();
      if (read.kind === 'chunk') {
        this.#count(read.chunk);
        await this.#pause(read.chunk.length);
        return read.chunk;
      }
      // A connection that breaks after the last byte does no harm.
      if (this.#receivedBytes === this.#sizeBytes) return null;
      if (read.kind === 'end' && this.#sizeBytes === null) return null;
      await this.#resume(
        read.kind === 'broken' ? read.cause : new Error('the body is shorter than announced'),
      );
    }
  }

  async #read(): Promise<
    | { readonly kind: 'chunk'; readonly chunk: Uint8Array }
    | { readonly kind: 'end' }
    | { readonly kind: 'broken'; readonly cause: unknown }
  > {
    try {
      const chunk = await this.#reader.read();
      return chunk === null ? { kind: 'end' } : { kind: 'chunk', chunk };
    } catch (cause) {
      this.#assertAlive();
      return { kind: 'broken', cause };
    }
  }

  /** Bytes that are not read meanwhile stay in the connection, so the origin sends no faster. */
  async #pause(bytes: number): Promise<void> {
    try {
      await this.#throttle?.(bytes);
    } catch (error) {
      this.#assertAlive();
      throw error;
    }
  }

  #count(chunk: Uint8Array): void {
    this.#assertAlive();
    this.#receivedBytes += chunk.length;
    if (this.#receivedBytes > this.#options.maxObjectBytes) throw this.#tooLarge();
    if (this.#sizeBytes !== null && this.#receivedBytes > this.#sizeBytes)
      throw this.#mismatch('sent more bytes than it announced');
    if (this.#rangeEnd !== null && this.#receivedBytes > this.#rangeEnd)
      throw this.#mismatch('sent more bytes than the Content-Range of its 206 says');
    this.#digests.update(chunk);
  }

  /** Continues with another request, or throws. Transient failures of that request count towards MAX_RESUMES. */
  async #resume(cause: unknown): Promise<void> {
    this.#reader.destroy();
    let failure = cause;
    let retryAfterMs = 0;
    while (this.#validator !== null && this.#resumes < MAX_RESUMES) {
      await this.#backOff(retryAfterMs);
      this.#resumes += 1;
      try {
        const remainder = await this.#options.requestRemainder(this.#receivedBytes, this.#validator.value);
        if (!isRetryableStatus(remainder.status)) {
          this.#continueWith(remainder, this.#validator);
          return;
        }
        remainder.discard();
        retryAfterMs = this.#retryAfterMs(remainder);
        failure = new Error(`the origin answered ${remainder.status} to a request for the remaining bytes`);
      } catch (error) {
        this.#assertAlive();
        if (!(error instanceof OriginError && error.code === 'origin_unreachable')) throw error;
        failure = error;
      }
    }
    const rough = roughCause(failure);
    const what = 'the connection broke, or stalled, in the body';
    throw this.#interrupted(rough === null ? what : `${what} (${rough})`, failure);
  }

  /**
   * Ranges are combined only if both carry the same strong validator (RFC 9110, 15.3.7.3). A 206 without it is refused,
   * because some origins ignore If-Range and answer with the bytes of another version.
   */
  #continueWith(remainder: FollowedResponse, validator: StrongValidator): void {
    const { status, headers, body, throttle } = remainder;
    const range = status === 206 ? parseContentRange(headers.single('content-range')) : null;
    if (
      range?.kind !== 'satisfied' ||
      !this.#isRemainder(remainder, range) ||
      !hasSameValidator(headers, validator)
    ) {
      remainder.discard();
      throw this.#interrupted('the object changed, or the origin does not continue it');
    }
    this.#sizeBytes ??= range.size;
    this.#rangeEnd = range.last + 1;
    this.#reader = new PacedReader(body, this.#options.pace);
    this.#throttle = throttle;
    if (this.#sizeBytes !== null && this.#sizeBytes > this.#options.maxObjectBytes) throw this.#tooLarge();
  }

  /** Whether a 206 begins where the last answer broke off, and is consistent with that answer and with itself. */
  #isRemainder({ headers }: FollowedResponse, range: ContentRange & { kind: 'satisfied' }): boolean {
    const length = headers.contentLength();
    return (
      range.first === this.#receivedBytes &&
      (this.#sizeBytes === null || range.last < this.#sizeBytes) &&
      (this.#sizeBytes === null || range.size === null || range.size === this.#sizeBytes) &&
      headers.isFramed() &&
      (length === null || length === range.last - range.first + 1) &&
      headers.list('content-encoding') === this.#first.headers.list('content-encoding') &&
      !this.#contradicts(headers, 'last-modified')
    );
  }

  /** A 206 to If-Range may omit a field that the client already has (RFC 9110, 15.3.7), but must not change it. */
  #contradicts(headers: ResponseHeaders, name: string): boolean {
    const now = headers.first(name);
    return now !== null && now !== this.#first.headers.first(name);
  }

  /**
   * @returns the pause that a 429 or 503 asks for, in milliseconds
   * @throws {OriginError} if the pause is too long to occupy a copy slot; the job is delivered again after it
   */
  #retryAfterMs({ status, headers }: FollowedResponse): number {
    const seconds = (status === 429 || status === 503 ? parseRetryAfter(headers) : null) ?? 0;
    if (seconds * 1000 <= LONGEST_BACKOFF_MS) return seconds * 1000;
    const what = `answered ${status} to a request for the remaining bytes, and asks for a pause of ${seconds} s`;
    throw this.#interrupted(what, undefined, seconds);
  }

  async #backOff(atLeastMs: number): Promise<void> {
    const ms = backoff(this.#resumes, { first: FIRST_BACKOFF_MS, longest: LONGEST_BACKOFF_MS });
    try {
      await sleep(Math.max(ms, atLeastMs), undefined, { signal: this.#options.lifetime.signal });
    } catch (error) {
      this.#assertAlive();
      throw error;
    }
  }

  #verify(): void {
    if (this.#sizeBytes !== null && this.#receivedBytes !== this.#sizeBytes)
      throw this.#mismatch('sent fewer bytes than it announced');
    const { sha256, broken } = this.#digests.finish();
    if (broken !== null) this.#judgeBroken(broken, sha256);
    this.#sha256 = sha256;
  }

  /** A guessed digest that fails twice for the same bytes is no digest: damage in transit would differ each time. */
  #judgeBroken(field: string, sha256: string): void {
    const isGuess = this.#claims.some((claim) => claim.field === field && claim.guessed === true);
    if (isGuess && this.#options.guessFailedWith === sha256) return;
    const what = `sent bytes that are not what its ${field} says`;
    if (!isGuess) throw this.#mismatch(what);
    const { finalUrl } = this.#first;
    const details = { field, sha256, host: finalUrl.host };
    throw new GuessedDigestError(`${hostForClients(finalUrl)} ${what}`, details);
  }

  #assertAlive(): void {
    const { lifetime } = this.#options;
    if (lifetime.signal.aborted) throw lifetime.failure('origin_interrupted', this.#first.finalUrl);
  }

  #tooLarge(): OriginError {
    const message = `the object is larger than the ${this.#options.maxObjectBytes} bytes that are mirrored`;
    return new OriginError('too_large', message, { host: this.#first.finalUrl.host });
  }

  #mismatch(what: string): OriginError {
    const { finalUrl } = this.#first;
    return new OriginError('origin_mismatch', `${hostForClients(finalUrl)} ${what}`, { host: finalUrl.host });
  }

  #interrupted(what: string, cause?: unknown, retryAfterSeconds?: number): OriginError {
    const { finalUrl } = this.#first;
    return new OriginError('origin_interrupted', `${hostForClients(finalUrl)}: ${what}`, {
      cause,
      host: finalUrl.host,
      retryAfterSeconds: retryAfterSeconds ?? null,
    });
  }
}
