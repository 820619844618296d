import type { S3Client } from '@aws-sdk/client-s3';
import type { NodeHttpHandler } from '@smithy/node-http-handler';
import { Readable } from 'node:stream';
import type { AnsweredClock } from './answered-clock.ts';

type Request = Parameters<NodeHttpHandler['handle']>[0];

/** Options of one request. */
export interface WireOptions {
  readonly abortSignal: AbortSignal;
  /** Time limit until the headers of the answer, in milliseconds. */
  readonly requestTimeout: number;
}

/**
 * Passes options of single calls through a client with `cacheMiddleware`. Such a client builds its middleware once for
 * each type of command, which saves a quarter of a small call's processor time, but accepts no options with a call. The
 * options are stored under a symbol in the command's input; the copies that middleware makes of the input keep symbols.
 */
export class WireOptionsByInput {
  readonly #options = Symbol('wire options');

  set(input: object, options: WireOptions): void {
    Object.assign(input, { [this.#options]: options });
  }

  #of(input: { readonly [options: symbol]: unknown }): WireOptions | undefined {
    return input[this.#options] as WireOptions | undefined;
  }

  /** Makes `client` send all requests with `handler` and the options of their call. `clock` is told of each answer. */
  applyTo(client: S3Client, handler: NodeHttpHandler, clock: AnsweredClock): void {
    client.middlewareStack.add(
      () => async (args) => {
        const options = this.#of(args.input as { readonly [options: symbol]: unknown });
        const startedAtMs = Date.now();
        const handled = await handler.handle(args.request as Request, options);
        clock.observe(handled.response.headers['date'], startedAtMs);
        // The handler stops watching the signal at the headers of the answer, so a stalled body would keep its connection.
        const body = handled.response.body as Readable;
        options?.abortSignal.addEventListener('abort', () => body.destroy(), { once: true });
        return handled;
      },
      // The innermost middleware. It replaces the client's own call of the handler.
      { step: 'deserialize', priority: 'low', name: 'sendWithOptions' },
    );
  }
}

const SLICE_BYTES = 128 * 1024;

/**
 * Writes payloads in slices. TLS encrypts the whole buffer of a write before it sends the first byte, which would double
 * the memory of each part in flight.
 */
export function slicePayloads(client: S3Client): void {
  client.middlewareStack.add(
    (next) => (args) => {
      const request = args.request as { body?: unknown };
      const { body } = request;
      if (body instanceof Uint8Array && body.length > SLICE_BYTES)
        request.body = Readable.from(slices(body), { objectMode: false, highWaterMark: SLICE_BYTES });
      return next(args);
    },
    // Runs after signing. Each try has its own request.
    { step: 'finalizeRequest', priority: 'low', name: 'slicePayloads' },
  );
}

function* slices(payload: Uint8Array): Generator<Uint8Array, void, undefined> {
  for (let at = 0; at < payload.length; at += SLICE_BYTES) yield payload.subarray(at, at + SLICE_BYTES);
}

/** TLS protects the payload and its checksum, so hashing the payload a second time for the signature is unnecessary. */
export function leavePayloadUnsigned(client: S3Client): void {
  client.middlewareStack.add(
    (next) => (args) => {
      const request = args.request as { headers: Record<string, string>; body?: unknown };
      if (request.body instanceof Uint8Array) request.headers['x-amz-content-sha256'] = 'UNSIGNED-PAYLOAD';
      return next(args);
    },
    { step: 'build', name: 'leavePayloadUnsigned' },
  );
}
