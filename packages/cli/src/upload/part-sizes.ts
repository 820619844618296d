const MEBIBYTE = 1024 ** 2;
/** Objects up to this size are sent in one request. */
export const SINGLE_BYTES = 32 * MEBIBYTE;
const PART_BYTES = 16 * MEBIBYTE;
/** https://docs.aws.amazon.com/AmazonS3/latest/userguide/qfacts.html */
export const MOST_PARTS = 10_000;

/** The size of the parts of a file, so that they are at most {@link MOST_PARTS}. */
export function partBytesOf(sizeBytes: number): number {
  return Math.max(PART_BYTES, Math.ceil(sizeBytes / MOST_PARTS / MEBIBYTE) * MEBIBYTE);
}

/** The size of a part of a stream, whose length is unknown. Doubles now and then, up to some 1.5 TiB in all. */
export function streamPartBytes(number: number): number {
  return PART_BYTES * 2 ** Math.min(4, Math.floor(number / 2_000));
}
