import type { IncomingMessage } from 'node:http';
import { HttpProblem } from '@cloud-mirror/http-service';

/**
 * Reads the body of a request as UTF-8.
 * @returns null if it is longer than `limitBytes`
 * @throws HttpProblem 400 if it is not UTF-8, or if it ends early
 */
export async function readBody(request: IncomingMessage, limitBytes: number): Promise<string | null> {
  if (Number(request.headers['content-length'] ?? 0) > limitBytes) return null;
  const chunks: Buffer[] = [];
  let bytes = 0;
  try {
    // The server limits the time of a whole request. The request is not destroyed, so that its client gets the answer.
    for await (const chunk of request.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
      bytes += chunk.length;
      if (bytes > limitBytes) {
        request.resume();
        return null;
      }
      chunks.push(chunk);
    }
  } catch (cause) {
    throw new HttpProblem(400, 'body_incomplete', 'The body of the request ended early.', { cause });
  }
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(Buffer.concat(chunks));
  } catch (cause) {
    throw new HttpProblem(400, 'routes_invalid', 'The body of the request is not UTF-8.', { cause });
  }
}
