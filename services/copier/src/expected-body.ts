import { OriginError, type Origin, type OriginObject } from '@cloud-mirror/origin';
import type { CopyTask } from './copy-task.ts';

/**
 * Returns the body of `source` if its length agrees with the origin's HEAD. A GET of another length may be an error
 * page with status 200, so it is accepted only if a digest proves the bytes, or if a new HEAD states the same length.
 * @throws OriginError `origin_mismatch`, at once or, if only the end shows the length, from the iteration
 */
export async function expectedBody(
  source: OriginObject,
  task: Pick<CopyTask, 'object' | 'originBytes' | 'signal'>,
  origin: Pick<Origin, 'inspect'>,
): Promise<AsyncIterable<Uint8Array>> {
  const lengthByHead = async (): Promise<number | null> =>
    (await origin.inspect(new URL(task.object.url), { signal: task.signal })).sizeBytes;
  if (source.hasDigest) return source.body;
  const announced = task.originBytes === undefined ? await lengthByHead() : task.originBytes;
  if (agrees(announced, source.sizeBytes)) return counted(source, announced);
  // The object may have changed since that HEAD, which the front end sent.
  const now = await lengthByHead();
  if (agrees(now, source.sizeBytes)) return counted(source, now);
  throw mismatch(source, now, source.sizeBytes);
}

/** A length of 0 in the answer to a HEAD proves nothing: some servers do not build the body for a HEAD. */
function agrees(announced: number | null, sizeBytes: number | null): boolean {
  return announced === null || announced === 0 || sizeBytes === null || announced === sizeBytes;
}

/** Checks the length at the end, because a GET may not state it before. */
async function* counted(source: OriginObject, announced: number | null): AsyncGenerator<Uint8Array> {
  let bytes = 0;
  for await (const chunk of source.body) {
    bytes += chunk.length;
    yield chunk;
  }
  if (!agrees(announced, bytes)) throw mismatch(source, announced, bytes);
}

function mismatch(source: OriginObject, announced: number | null, bytes: number | null): OriginError {
  return new OriginError(
    'origin_mismatch',
    `the origin's GET returned ${bytes ?? 'an unknown number of'} bytes, but its HEAD stated ${announced ?? 'none'}`,
    { host: source.finalUrl.host },
  );
}
