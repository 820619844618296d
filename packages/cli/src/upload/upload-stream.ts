import { createHash } from 'node:crypto';
import type { CommandContext } from '../command-interface.ts';
import { headerText } from '../http-client.ts';
import { showProgress } from '../terminal-output.ts';
import { MultipartUpload } from './multipart.ts';
import { streamPartBytes } from './part-sizes.ts';
import type { RoutedObject } from './routed-object.ts';
import type { Uploaded, UploadOptions } from './upload-file.ts';

/** Uploads a stream in parts, since S3 refuses a body of unknown length. One part at a time is in memory, and one is sent. */
export async function uploadStream(
  input: AsyncIterable<Buffer>,
  object: RoutedObject,
  options: UploadOptions,
  context: CommandContext,
): Promise<Uploaded> {
  using progress = showProgress(context.stderr, { wanted: options.progress, sizeBytes: null });
  const sha256 = createHash('sha256');
  let upload: MultipartUpload | null = null;
  let sizeBytes = 0;
  let number = 0;
  let sending: Promise<void> = Promise.resolve();
  try {
    for await (const { bytes, isLast } of partsOf(input)) {
      number += 1;
      sizeBytes += bytes.length;
      sha256.update(bytes);
      if (isLast && upload === null) return await putOnly(bytes, object, options, sha256.digest('hex'));
      upload ??= await MultipartUpload.begin(object, options.headers);
      const begun = upload;
      const part = number;
      const total = sizeBytes;
      await sending;
      sending = begun.put(part, bytes).then(() => progress.update(total));
      // A failure is thrown where it is awaited.
      sending.catch(() => undefined);
    }
    await sending;
    const etag = (await upload?.complete(number)) ?? null;
    return { sizeBytes, etag, sha256: sha256.digest('hex') };
  } catch (error) {
    await sending.catch(() => undefined);
    await upload?.abort().catch(() => {
      context.stderr.write(
        'the unfinished upload could not be ended; the lifecycle rules of the bucket remove it\n',
      );
    });
    throw error;
  }
}

async function putOnly(
  bytes: Buffer,
  object: RoutedObject,
  { headers }: UploadOptions,
  sha256: string,
): Promise<Uploaded> {
  const md5 = createHash('md5').update(bytes).digest('base64');
  const answer = await object.send({
    method: 'PUT',
    headers: { ...headers, 'content-md5': md5 },
    body: () => bytes,
  });
  return { sizeBytes: bytes.length, etag: headerText(answer.headers.etag), sha256 };
}

/** Cuts a stream into parts. There is at least one, which may be empty. */
async function* partsOf(
  input: AsyncIterable<Buffer>,
): AsyncGenerator<{ readonly bytes: Buffer; readonly isLast: boolean }> {
  let number = 1;
  let held: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of input) {
    held.push(chunk);
    bytes += chunk.length;
    // A part is passed on when more follows, so that the last one is known.
    for (let size = streamPartBytes(number); bytes > size; size = streamPartBytes(number)) {
      const all = Buffer.concat(held);
      yield { bytes: all.subarray(0, size), isLast: false };
      held = [Buffer.from(all.subarray(size))];
      bytes -= size;
      number += 1;
    }
  }
  yield { bytes: Buffer.concat(held), isLast: true };
}
