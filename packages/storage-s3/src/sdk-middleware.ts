import type { S3Client } from '@aws-sdk/client-s3';
import type { NodeHttpHandler } from '@smithy/node-http-handler';
import { Readable } from 'node:stream';

type Request = Parameters<NodeHttpHandler['handle']>[0];

/** What holds for one call on its way. */
export interface WireOptions {
  readonly abortSignal: AbortSignal;
  /** Of the answer's headers, in milliseconds. */
  readonly requestTimeout: number;
}

/**
 * Options of single calls for a client with `cacheMiddleware`, which puts its middleware together once for each kind of
 * command and not for each call (a quarter of a small call's processor time), and which for that takes no options with
 * a call. They travel in the command's input, of which middleware
 * makes copies: those keep symbols.
 */
export class WireOptionsByInput {
  readonly #options = Symbol('wire options');

  set(input: object, options: WireOptions): void {
    Object.assign(input, { [this.#options]: options });
  }

  #of(input: { readonly [options: symbol]: unknown }): WireOptions | undefined {
    return input[this.#options] as WireOptions | undefined;
  }

  /** Has all requests of `client` sent by `handler`, with the options of their call. */
  applyTo(client: S3Client, handler: NodeHttpHandler): void {
    client.middlewareStack.add(
      () => async (args) => {
        const options = this.#of(args.input as { readonly [options: symbol]: unknown });
        const handled = await handler.handle(args.request as Request, options);
        // The handler's own abort ends with the answer's head: what stalls in the body would keep its connection.
        const body = handled.response.body as Readable;
        options?.abortSignal.addEventListener('abort', () => body.destroy(), { once: true });
        return handled;
      },
      // The last of all: there is no other way to the wire.
      { step: 'deserialize', priority: 'low', name: 'sendWithOptions' },
    );
  }
}

const SLICE_BYTES = 128 * 1024;

/**
 * Writes payloads slice by slice. TLS encrypts what it is given whole before it sends the first of it, so that each part
 * on its way would be in memory twice.
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
    // After signing; each try makes a request of its own.
    { step: 'finalizeRequest', priority: 'low', name: 'slicePayloads' },
  );
}

function* slices(payload: Uint8Array): Generator<Uint8Array, void, undefined> {
  for (let at = 0; at < payload.length; at += SLICE_BYTES) yield payload.subarray(at, at + SLICE_BYTES);
}

/** TLS keeps bodies from being changed and the checksum from being damaged: signing their SHA-256 would hash them twice. */
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
