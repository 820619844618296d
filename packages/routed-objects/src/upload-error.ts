export type UploadErrorCode =
  | 'part_invalid' // an upload in parts names a part that is missing or has another ETag
  | 'checksum_malformed' // not base64 of the right length, or of an unknown algorithm
  | 'checksum_mismatch' // the body has another checksum than the request states
  | 'upload_incomplete' // fewer or more bytes than Content-Length
  | 'upload_too_large'; // over the limit for one object

/** An upload that is refused because of its content. Nothing is stored. */
export class UploadError extends Error {
  override readonly name = 'UploadError';
  readonly code: UploadErrorCode;

  constructor(code: UploadErrorCode, message: string) {
    super(message);
    this.code = code;
  }
}
