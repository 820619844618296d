import { hash } from 'node:crypto';
import { CommandError } from '../command-interface.ts';
import { headerText } from '../http-client.ts';
import type { RoutedObject } from './routed-object.ts';
import { xmlText } from './routed-object.ts';

/** A part that the store has. */
export interface StoredPart {
  readonly number: number;
  /** With its quotes. */
  readonly etag: string;
  readonly sizeBytes: number;
}

/** An upload in parts: https://docs.aws.amazon.com/AmazonS3/latest/userguide/mpuoverview.html */
export class MultipartUpload {
  readonly uploadId: string;
  readonly #object: RoutedObject;
  readonly #parts = new Map<number, StoredPart>();

  private constructor(object: RoutedObject, uploadId: string) {
    this.#object = object;
    this.uploadId = uploadId;
  }

  static async begin(
    object: RoutedObject,
    headers: Readonly<Record<string, string>>,
  ): Promise<MultipartUpload> {
    const { text } = await object.send({ method: 'POST', query: { uploads: '' }, headers });
    const uploadId = xmlText(text, 'UploadId');
    if (uploadId === null) throw new CommandError('the store began an upload without saying its UploadId');
    return new MultipartUpload(object, uploadId);
  }

  /** @returns null if the store does not have the upload any more */
  static async resume(object: RoutedObject, uploadId: string): Promise<MultipartUpload | null> {
    const upload = new MultipartUpload(object, uploadId);
    const { status, text } = await object.send({ method: 'GET', query: { uploadId }, alsoAnswers: [404] });
    if (status === 404) return null;
    for (const [part] of text.matchAll(/<Part>.*?<\/Part>/gs)) {
      const number = Number(xmlText(part, 'PartNumber'));
      const etag = xmlText(part, 'ETag') ?? '';
      const sizeBytes = Number(xmlText(part, 'Size'));
      upload.#parts.set(number, { number, etag, sizeBytes });
    }
    return upload;
  }

  /** Sends a part, unless the store has it already. */
  async put(number: number, bytes: Buffer): Promise<void> {
    const md5 = hash('md5', bytes, 'hex');
    const known = this.#parts.get(number);
    if (known?.sizeBytes === bytes.length && known.etag === `"${md5}"`) return;
    const { headers } = await this.#object.send({
      method: 'PUT',
      query: { partNumber: String(number), uploadId: this.uploadId },
      headers: { 'content-md5': Buffer.from(md5, 'hex').toString('base64') },
      body: () => bytes,
    });
    const etag = headerText(headers.etag);
    if (etag === null) throw new CommandError(`the store did not say the ETag of part ${number}`);
    this.#parts.set(number, { number, etag, sizeBytes: bytes.length });
  }

  /** @returns the ETag of the object, if the store says it */
  async complete(lastPart: number): Promise<string | null> {
    const parts = [...this.#parts.values()]
      .filter(({ number }) => number <= lastPart)
      .sort((one, other) => one.number - other.number)
      .map(({ number, etag }) => `<Part><PartNumber>${number}</PartNumber><ETag>${etag}</ETag></Part>`);
    const xml = `<CompleteMultipartUpload xmlns="http://s3.amazonaws.com/doc/2006-03-01/">${parts.join('')}</CompleteMultipartUpload>`;
    const { text } = await this.#object.send({
      method: 'POST',
      query: { uploadId: this.uploadId },
      headers: { 'content-type': 'application/xml' },
      body: () => Buffer.from(xml),
    });
    // Ceph sends an empty element.
    const etag = xmlText(text, 'ETag');
    return etag === '' ? null : etag;
  }

  /** Ends the upload without an object. */
  async abort(): Promise<void> {
    await this.#object.send({ method: 'DELETE', query: { uploadId: this.uploadId }, alsoAnswers: [404] });
  }
}
