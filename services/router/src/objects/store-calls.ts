import type { IncomingMessage } from 'node:http';
import { SharedPool } from '@cloud-mirror/fair-shares';
import { clientNetwork, HttpProblem } from '@cloud-mirror/http-service';
import { StorageError } from '@cloud-mirror/storage-provider';

const CALLS_AT_ONCE = 256;
const CALL_LIMIT_MS = 10_000;

/** The calls to stores that clients cause: HEADs for `write: once`, and lists. Each has a time limit. */
export class StoreCalls {
  readonly #pool = new SharedPool(CALLS_AT_ONCE);

  /**
   * @param failure the sentence for the client if the store does not answer
   * @throws HttpProblem 503 if the store does not answer, or too many calls are under way
   */
  async run<T>(
    request: IncomingMessage,
    failure: string,
    call: (signal: AbortSignal) => Promise<T>,
  ): Promise<T> {
    const { place } = this.#pool.take([clientNetwork(request.socket.remoteAddress ?? '')]);
    if (place === null) throw unavailable('too_many_store_calls', 'Too many calls to stores are under way.');
    using _place = place;
    try {
      return await call(AbortSignal.timeout(CALL_LIMIT_MS));
    } catch (cause) {
      const code = cause instanceof StorageError ? cause.code : 'store_unavailable';
      throw unavailable(code, failure, cause);
    }
  }
}

function unavailable(code: string, detail: string, cause?: unknown): HttpProblem {
  return new HttpProblem(503, code, detail, { headers: { 'Retry-After': '5' }, cause });
}
