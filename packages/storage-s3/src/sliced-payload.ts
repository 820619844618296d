import { Readable } from 'node:stream';
import type { S3Client } from '@aws-sdk/client-s3';

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
