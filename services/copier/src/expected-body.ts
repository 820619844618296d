import { OriginError, type Origin, type OriginObject } from '@cloud-mirror/origin';
import type { CopyTask } from './copy-task.ts';

/**
 * The bytes of `source` where they are as many as the origin's HEAD announced. A GET of another length may be an error
 * page with status 200: it is believed only where a digest proves it, or where a HEAD made now says the same.
 * @throws OriginError `origin_mismatch`, here or from the iteration where the length shows only at the end
 */
export async function expectedBody(
  source: OriginObject,
  task: Pick<CopyTask, 'object' | 'originBytes' | 'signal'>,
  origin: Pick<Origin, 'inspect'>,
): Promise<AsyncIterable<Uint8Array>> {
  const ask = async (): Promise<number | null> =>
    (await origin.inspect(new URL(task.object.url), { signal: task.signal })).sizeBytes;
  if (source.hasDigest) return source.body;
  const announced = task.originBytes === undefined ? await ask() : task.originBytes;
  if (agrees(announced, source.sizeBytes)) return counted(source, announced);
  // Since that HEAD, which was the client's, the object may have become another one.
  const now = await ask();
  if (agrees(now, source.sizeBytes)) return counted(source, now);
  throw mismatch(source, now, source.sizeBytes);
}

/** Servers that build no body for a HEAD may say 0: that tells nothing. */
function agrees(announced: number | null, sizeBytes: number | null): boolean {
  return announced === null || announced === 0 || sizeBytes === null || announced === sizeBytes;
}

/** A GET without a length shows at its end how long it was. */
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
    `the origin's GET has ${bytes ?? 'other'} bytes where its HEAD has ${announced ?? 'none'}`,
    { host: source.finalUrl.host },
  );
}
