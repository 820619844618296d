import type { UploadPart } from './routed-uploads.ts';

/*
 * The XML of uploads in parts, as S3 writes and reads it:
 * https://docs.aws.amazon.com/AmazonS3/latest/API/API_CreateMultipartUpload.html and its neighbours.
 */

const NAMESPACE = 'xmlns="http://s3.amazonaws.com/doc/2006-03-01/"';

export function begunXml(store: string, key: string, uploadId: string): string {
  return document('InitiateMultipartUploadResult', [
    ['Bucket', store],
    ['Key', key],
    ['UploadId', uploadId],
  ]);
}

export function completedXml(store: string, key: string, etag: string): string {
  return document('CompleteMultipartUploadResult', [
    ['Bucket', store],
    ['Key', key],
    ['ETag', etag],
  ]);
}

export function partsXml(store: string, key: string, uploadId: string, parts: readonly UploadPart[]): string {
  const listed = parts.map(
    ({ number, etag, sizeBytes }) =>
      `<Part>${elements([
        ['PartNumber', String(number)],
        ['ETag', etag],
        ['Size', String(sizeBytes)],
      ])}</Part>`,
  );
  const head: [string, string][] = [
    ['Bucket', store],
    ['Key', key],
    ['UploadId', uploadId],
    ['IsTruncated', 'false'],
  ];
  return `<?xml version="1.0" encoding="UTF-8"?>\n<ListPartsResult ${NAMESPACE}>${elements(head)}${listed.join('')}</ListPartsResult>`;
}

/** The parts that a `CompleteMultipartUpload` names; empty if it names none. */
export function parseCompletion(xml: string): { readonly number: number; readonly etag: string }[] {
  return [...xml.matchAll(/<Part>(.*?)<\/Part>/gs)].map(([, part = '']) => ({
    number: Number(/<PartNumber>\s*(\d+)\s*<\/PartNumber>/.exec(part)?.[1] ?? 'NaN'),
    etag: (/<ETag>\s*(.*?)\s*<\/ETag>/s.exec(part)?.[1] ?? '').replace(/&quot;|&#34;/g, '"'),
  }));
}

function document(name: string, children: readonly (readonly [string, string])[]): string {
  return `<?xml version="1.0" encoding="UTF-8"?>\n<${name} ${NAMESPACE}>${elements(children)}</${name}>`;
}

function elements(children: readonly (readonly [string, string])[]): string {
  return children.map(([name, text]) => `<${name}>${escaped(text)}</${name}>`).join('');
}

/** XML cannot have control characters, so they are left out. */
function escaped(text: string): string {
  return text
    .replace(/[\x00-\x08\x0b\x0c\x0e-\x1f￾￿]/g, '')
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;');
}
