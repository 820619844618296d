import { createHmac, timingSafeEqual } from 'node:crypto';

/** The last field of a signed job, after everything that it signs. */
const SIGNED = /^(\{.*),"hmac":"([0-9a-f]{64})"\}$/s;
/** Keeps signatures of jobs apart from other uses of the same key. */
const CONTEXT = 'cloud-mirror job\n';
/**
 * SQS keeps a message for 14 days at most; one more for clocks that differ. A signed job that somebody kept is refused
 * after that.
 * https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-message-metadata.html
 */
const LONGEST_LIFE_MS = 15 * 24 * 3600 * 1000;

/**
 * Signs jobs with HMAC-SHA256 (RFC 2104) over the whole text of the job, and checks the signatures. Whoever can write to
 * the queue but has no key cannot have anything copied.
 */
export class JobSignatures {
  readonly #keys: readonly string[];

  /** @param keys all are valid; the first one signs */
  constructor(keys: readonly [string, ...string[]]) {
    this.#keys = keys;
  }

  /** @param body a job, as `serializeJob` writes it */
  sign(body: string): string {
    const [key = ''] = this.#keys;
    return `${body.slice(0, -1)},"hmac":"${hmac(key, body).toString('hex')}"}`;
  }

  /** Why the body of a message is no job of ours; null if it is one. Never throws. */
  faultOf(body: string): string | null {
    const [, start = '', signature = ''] = SIGNED.exec(body) ?? [];
    if (signature === '') return 'it has no signature';
    const given = Buffer.from(signature, 'hex');
    const signed = `${start}}`;
    if (!this.#keys.some((key) => timingSafeEqual(hmac(key, signed), given)))
      return 'its signature is of another key or another job';
    return Date.now() - enqueuedAtMs(signed) > LONGEST_LIFE_MS ? 'it was sent more than 15 days ago' : null;
  }
}

function hmac(key: string, body: string): Buffer {
  return createHmac('sha256', key).update(CONTEXT).update(body).digest();
}

/** 0 if the job does not say. */
function enqueuedAtMs(body: string): number {
  try {
    const { enqueuedAt } = JSON.parse(body) as { readonly enqueuedAt?: unknown };
    const time = typeof enqueuedAt === 'string' ? Date.parse(enqueuedAt) : Number.NaN;
    return Number.isNaN(time) ? 0 : time;
  } catch {
    return 0;
  }
}
