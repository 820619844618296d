import type { IncomingMessage } from 'node:http';
import type { FolderPage } from '@cloud-mirror/storage-provider';
import { acceptedType } from '../accepted-type.ts';
import { markup } from '../markup.ts';
import type { ListRequest } from './object-request.ts';

/** One page of a list, ready to send. */
export interface ListAnswer {
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** A page of names as text (the default), JSON or HTML, by the quality values of `Accept`. */
export function listAnswer(
  request: IncomingMessage,
  { path, options: { limit } }: ListRequest,
  { names, more }: FolderPage,
): ListAnswer {
  const last = names.at(-1);
  const next =
    more && last !== undefined
      ? `${encodePath(path)}?after=${encodeURIComponent(last)}&limit=${limit}`
      : null;
  const headers = {
    'Cache-Control': 'no-store',
    Vary: 'Accept',
    'X-Content-Type-Options': 'nosniff',
    ...(next === null ? {} : { Link: `<${next}>; rel="next"` }),
  };
  const type = acceptedType(request, ['text/plain', 'application/json', 'text/json', 'text/html']);
  switch (type) {
    case 'application/json':
    case 'text/json':
      return {
        headers: { ...headers, 'Content-Type': type },
        body: JSON.stringify(names),
      };
    case 'text/html':
      return {
        headers: {
          ...headers,
          'Content-Type': 'text/html; charset=utf-8',
          'Content-Security-Policy': "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'",
          'Referrer-Policy': 'no-referrer',
        },
        body: html(path, names, next),
      };
    default:
      return {
        headers: { ...headers, 'Content-Type': 'text/plain; charset=utf-8' },
        body: names.map((name) => `${oneLine(name)}\n`).join(''),
      };
  }
}

/** A name with a line break would look like two names. */
function oneLine(name: string): string {
  return name.replace(/[\x00-\x1f\x7f]/g, (character) => encodeURIComponent(character));
}

function encodePath(path: string): string {
  return path.split('/').map(encodeURIComponent).join('/');
}

const STYLE =
  'body { font: 16px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 60rem; padding: 0 1rem; color-scheme: light dark } ul { list-style: none; padding: 0 } a { overflow-wrap: anywhere }';

function html(path: string, names: readonly string[], next: string | null): string {
  // Without `./` a name such as `a:b` would be a scheme.
  const rows = names.map((name) => markup`<li><a href="./${encodePath(name)}">${oneLine(name)}</a></li>\n`);
  const link = next === null ? null : markup`<p><a rel="next" href="${next}">Next page</a></p>\n`;
  return markup`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>${path}</title>
<style>${STYLE}</style>
</head>
<body>
<h1>${path}</h1>
<ul>
${rows}</ul>
${link}</body>
</html>
`.text;
}
