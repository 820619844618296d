import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { open, type FileHandle } from 'node:fs/promises';
import type { CommandContext } from '../command-interface.ts';
import { CommandError, UsageError } from '../command-interface.ts';
import { headerText } from '../http-client.ts';
import { showProgress, type DownloadProgress } from '../terminal-output.ts';
import { MultipartUpload } from './multipart.ts';
import { partBytesOf, SINGLE_BYTES } from './part-sizes.ts';
import type { RoutedObject } from './routed-object.ts';
import { UploadRecord } from './upload-records.ts';

export interface UploadOptions {
  readonly url: URL;
  readonly headers: Readonly<Record<string, string>>;
  readonly progress: boolean;
}

export interface Uploaded {
  readonly sizeBytes: number;
  readonly etag: string | null;
  /** Of the whole object, in hex. */
  readonly sha256: string;
}

/** Parts that are sent at once; each is in memory. */
const PARTS_AT_ONCE = 4;

/** Uploads a file: small ones in one request, others in parts that are resumed after an interruption. */
export async function uploadFile(
  path: string,
  object: RoutedObject,
  options: UploadOptions,
  context: CommandContext,
): Promise<Uploaded> {
  await using file = await openFile(path);
  const { size: sizeBytes, mtimeMs: modifiedMs, isFile } = await describe(file);
  if (!isFile) throw new UsageError(`${path} is not a file; give - to upload from a pipe`);
  using progress = showProgress(context.stderr, { wanted: options.progress, sizeBytes });
  if (sizeBytes <= SINGLE_BYTES) return await putWhole(path, sizeBytes, object, options, progress);
  const partBytes = partBytesOf(sizeBytes);
  const identity = { url: options.url.href, file: path, sizeBytes, modifiedMs, partBytes };
  const record = new UploadRecord(identity, context);
  const upload = await beginOrResume(object, record, options);
  try {
    const sha256 = await putParts(file, { sizeBytes, partBytes }, upload, progress);
    const etag = await upload.complete(Math.ceil(sizeBytes / partBytes));
    await record.remove();
    return { sizeBytes, etag, sha256 };
  } catch (error) {
    context.stderr.write('the parts that were stored are kept: the same command resumes the upload\n');
    throw error;
  }
}

async function putWhole(
  path: string,
  sizeBytes: number,
  object: RoutedObject,
  { headers }: UploadOptions,
  progress: DownloadProgress,
): Promise<Uploaded> {
  const md5 = createHash('md5');
  const sha256 = createHash('sha256');
  let read = 0;
  for await (const chunk of createReadStream(path) as AsyncIterable<Buffer>) {
    md5.update(chunk);
    sha256.update(chunk);
    read += chunk.length;
  }
  if (read !== sizeBytes) throw changed();
  const answer = await object.send({
    method: 'PUT',
    headers: { ...headers, 'content-length': String(sizeBytes), 'content-md5': md5.digest('base64') },
    body: () => {
      const stream = createReadStream(path);
      let sent = 0;
      stream.on('data', (chunk) => progress.update((sent += chunk.length)));
      stream.pause();
      return stream;
    },
  });
  return { sizeBytes, etag: headerText(answer.headers.etag), sha256: sha256.digest('hex') };
}

async function beginOrResume(
  object: RoutedObject,
  record: UploadRecord,
  { headers }: UploadOptions,
): Promise<MultipartUpload> {
  const known = await record.load();
  const resumed = known === null ? null : await MultipartUpload.resume(object, known);
  if (resumed !== null) return resumed;
  const begun = await MultipartUpload.begin(object, headers);
  await record.save(begun.uploadId);
  return begun;
}

/** @returns the SHA-256 of the file */
async function putParts(
  file: FileHandle,
  { sizeBytes, partBytes }: { readonly sizeBytes: number; readonly partBytes: number },
  upload: MultipartUpload,
  progress: DownloadProgress,
): Promise<string> {
  const sha256 = createHash('sha256');
  const sending = new Set<Promise<void>>();
  let sent = 0;
  for (let number = 1, at = 0; at < sizeBytes; number += 1, at += partBytes) {
    const bytes = Buffer.allocUnsafe(Math.min(partBytes, sizeBytes - at));
    const { bytesRead } = await file.read(bytes, 0, bytes.length, at);
    if (bytesRead !== bytes.length) throw changed();
    sha256.update(bytes);
    const part = upload.put(number, bytes).then(() => progress.update((sent += bytes.length)));
    sending.add(part);
    part.finally(() => sending.delete(part)).catch(() => undefined);
    if (sending.size >= PARTS_AT_ONCE) await Promise.race(sending);
  }
  await Promise.all(sending);
  return sha256.digest('hex');
}

async function openFile(path: string): Promise<FileHandle> {
  try {
    return await open(path, 'r');
  } catch (error) {
    throw new UsageError(`${path} cannot be read: ${(error as Error).message}`, { cause: error });
  }
}

async function describe(file: FileHandle): Promise<{ size: number; mtimeMs: number; isFile: boolean }> {
  const found = await file.stat();
  return { size: found.size, mtimeMs: found.mtimeMs, isFile: found.isFile() };
}

function changed(): CommandError {
  return new CommandError('the file changed while it was read; start again when it is complete');
}
