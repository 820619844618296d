import type { IncomingMessage } from 'node:http';

export interface S3KindRequest {
  readonly method: string;
  readonly bucket: string;
  /** Decoded; empty for calls on the bucket. */
  readonly key: string;
  readonly query: URLSearchParams;
  readonly headers: Readonly<Record<string, string | undefined>>;
  readonly body: Buffer;
}

export interface S3KindAnswer {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Buffer;
}

export async function receive(incoming: IncomingMessage): Promise<S3KindRequest> {
  const chunks: Buffer[] = [];
  for await (const chunk of incoming as AsyncIterable<Buffer>) chunks.push(chunk);
  // Not parsed as a URL, which would normalize the path.
  const [path = '', query = ''] = (incoming.url ?? '/').split('?', 2);
  const [, bucket = '', ...key] = path.split('/');
  return {
    method: incoming.method ?? '',
    bucket,
    key: decodeURIComponent(key.join('/')),
    query: new URLSearchParams(query),
    headers: incoming.headers as Record<string, string | undefined>,
    body: Buffer.concat(chunks),
  };
}

export function xml(root: string, content: string): S3KindAnswer {
  return { status: 200, body: `<?xml version="1.0" encoding="UTF-8"?><${root}>${content}</${root}>` };
}

export function failure(status: number, code: string): S3KindAnswer {
  return { ...xml('Error', `<Code>${code}</Code><Message>${code}</Message>`), status };
}

export function escapeXml(text: string): string {
  return text.replace(/[&<>"\x00-\x1f]/g, (character) => `&#${character.charCodeAt(0)};`);
}
