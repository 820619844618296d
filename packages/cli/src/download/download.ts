import { createHash } from 'node:crypto';
import { pipeline } from 'node:stream/promises';
import { rewriteUrl } from '@cloud-mirror/client';
import { CommandError } from '../command-interface.ts';
import type { CommandContext } from '../command-interface.ts';
import { headerText, networkFailure, openHttpAgent } from '../http-client.ts';
import { showProgress } from '../terminal-output.ts';
import { getArtifact } from './artifact-response.ts';
import type { ArtifactResponse } from './artifact-response.ts';
import type { ArtifactSink } from './artifact-sink.ts';
import { expectedDigest } from './expected-digest.ts';
import { lookUp } from './mirror-lookup.ts';
import type { LookupOptions, MirrorAnswer } from './mirror-lookup.ts';

export interface DownloadRequest {
  readonly origin: string;
  readonly mirror: string;
  readonly service: string;
  readonly region: string;
  readonly waitSeconds: number | undefined;
  /** The time limit for a server that sends nothing. */
  readonly idleSeconds: number;
  /** The SHA-256 that the user expects, in lower-case hex. */
  readonly sha256: string | null;
  readonly progress: boolean;
}

export interface Downloaded {
  readonly answer: MirrorAnswer;
  readonly sizeBytes: number;
  /** The SHA-256 of the received bytes in lower-case hex. */
  readonly sha256: string;
  /** The source of the digest that the bytes match; null if no digest is known. */
  readonly verifiedBy: string | null;
}

/**
 * Downloads an artifact through the mirror into `sink`, which the caller keeps or discards. Resolves only if length and
 * digest are correct.
 * @throws CommandError
 */
export async function download(
  wanted: DownloadRequest,
  sink: ArtifactSink,
  context: CommandContext,
): Promise<Downloaded> {
  const idleMs = wanted.idleSeconds * 1000;
  const dispatcher = openHttpAgent(idleMs);
  try {
    const { signal } = context;
    const { waitSeconds } = wanted;
    const { answer, response } = await findArtifact(wanted, { dispatcher, signal, waitSeconds, idleMs });
    const received = await receive(response, sink, wanted.progress, context);
    const expected = expectedDigest(wanted.sha256, answer, response.headers);
    if (expected !== null && expected.sha256 !== received.sha256)
      throw new CommandError(
        `SHA-256 of the ${answer.source} is ${received.sha256}, but ${expected.statedBy} says ${expected.sha256}; ` +
          'do not use it, and tell the operators of the mirror',
      );
    return { answer, ...received, verifiedBy: expected?.statedBy ?? null };
  } finally {
    await dispatcher.destroy();
  }
}

/** The statuses with which a store answers for a copy that was deleted after the mirror recorded it. */
const COPY_GONE: ReadonlySet<number> = new Set([403, 404, 410]);

async function findArtifact(
  { origin, mirror, service, region }: DownloadRequest,
  options: Omit<LookupOptions, 'revalidate'>,
): Promise<{ answer: MirrorAnswer; response: ArtifactResponse }> {
  const address = rewriteUrl(origin, { mirror, service, region });
  const find = async (revalidate: boolean) => {
    const answer = await lookUp(address, origin, { ...options, revalidate });
    const response = await getArtifact(answer.location, options);
    if (response.status !== 200) await response.body.dump();
    return { answer, response };
  };
  const first = await find(false);
  // Somebody deleted the copy: revalidation makes the mirror check the store and copy the object again.
  const gone = first.answer.source === 'copy' && COPY_GONE.has(first.response.status);
  const found = gone ? await find(true) : first;
  const { answer, response } = found;
  if (response.status === 200) return found;
  const remedy =
    answer.source === 'copy' ? 'try again, or tell the operators of the mirror' : 'check the origin URL';
  throw new CommandError(
    `the ${answer.source} at ${response.url.host} answered ${response.status}; ${remedy}`,
  );
}

async function receive(
  response: ArtifactResponse,
  sink: ArtifactSink,
  progressWanted: boolean,
  context: CommandContext,
): Promise<{ sizeBytes: number; sha256: string }> {
  const statedBytes = contentLength(headerText(response.headers['content-length']));
  const hash = createHash('sha256');
  let sizeBytes = 0;
  try {
    using progress = showProgress(context.stderr, { wanted: progressWanted, sizeBytes: statedBytes });
    const measured = async function* (chunks: AsyncIterable<Buffer>) {
      for await (const chunk of chunks) {
        hash.update(chunk);
        sizeBytes += chunk.length;
        progress.update(sizeBytes);
        yield chunk;
      }
    };
    await pipeline(response.body, measured, sink.stream, {
      signal: context.signal,
      end: sink.endWithArtifact,
    });
  } catch (error) {
    const written = writeFailure(error);
    throw written === null ? networkFailure(error, response.url) : new CommandError(written);
  }
  if (statedBytes !== null && sizeBytes !== statedBytes)
    throw new CommandError(`received ${sizeBytes} of ${statedBytes} bytes; try again`);
  return { sizeBytes, sha256: hash.digest('hex') };
}

function contentLength(text: string | null): number | null {
  return text !== null && /^\d+$/.test(text) ? Number(text) : null;
}

const WRITE_FAILURES: Readonly<Record<string, string>> = {
  ENOSPC: 'the disk is full; free some space, or give another file as -o FILE',
  EDQUOT: 'the disk quota is exceeded; free some space, or give another file as -o FILE',
  EFBIG: 'the file would exceed the limit of the file system or the user; give another file as -o FILE',
  EPIPE: 'the program that reads standard output has ended',
};

/** Describes a failed write; null if the error has another cause. */
function writeFailure(error: unknown): string | null {
  if (!(error instanceof Error) || !('code' in error) || !('syscall' in error)) return null;
  if (error.syscall !== 'write' && error.syscall !== 'open') return null;
  return WRITE_FAILURES[String(error.code)] ?? `cannot write: ${error.message}; give another file as -o FILE`;
}
