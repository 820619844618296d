const MIB = 1024 * 1024;

/** https://docs.aws.amazon.com/AmazonS3/latest/userguide/qfacts.html */
export const MOST_PARTS = 10_000;

/**
 * Size of part `number` (from 1) of an upload.
 *
 * Known length: all parts are equal, as large as 10,000 parts need, in whole MiB.
 * Unknown: parts grow with the square of their number, slowly while the object is small: 100 GiB are reached at part
 * 2,450 with parts of about 100 MiB, 5 TiB (the largest object of S3) before part 10,000 with parts below 1.6 GiB.
 */
export function partSize(number: number, sizeBytes: number | null, partBytes: number): number {
  if (sizeBytes !== null) {
    const needed = Math.ceil(sizeBytes / MOST_PARTS);
    return needed <= partBytes ? partBytes : Math.ceil(needed / MIB) * MIB;
  }
  return partBytes + Math.floor((number / 250) ** 2) * MIB;
}

/** How many parts of `size` bytes may travel at once so that memory stays where `partBytes` puts it. */
export function partsAtOnce(size: number, partBytes: number, partsInFlight: number): number {
  return Math.max(1, Math.floor((partsInFlight * partBytes) / size));
}
