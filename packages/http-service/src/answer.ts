import type { RequestContext } from './request-context.ts';

/**
 * Headers for responses that are not meant for other sites' pages: no sniffing, no scripts, no frames, no referrer, and no
 * use as an image or script of another site's page.
 */
export const SHOWN_HEADERS: Readonly<Record<string, string>> = {
  'X-Content-Type-Options': 'nosniff',
  'Content-Security-Policy': "default-src 'none'; frame-ancestors 'none'",
  'Referrer-Policy': 'no-referrer',
  'Cross-Origin-Resource-Policy': 'same-origin',
};

/** Sends JSON with `Cache-Control: no-store`, which `headers` may override. Header values are sent unchanged. */
export function sendJson(
  ctx: RequestContext,
  status: number,
  body: unknown,
  headers: Readonly<Record<string, string>> = {},
): void {
  sendText(ctx, status, JSON.stringify(body), jsonHeaders(headers));
}

export function jsonHeaders(headers: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  return { 'Content-Type': 'application/json', 'Cache-Control': 'no-store', ...headers };
}

export function sendText(
  ctx: RequestContext,
  status: number,
  body: string,
  headers: Readonly<Record<string, string>>,
): void {
  ctx.status = status;
  // A browser does not render the body of a redirect.
  if (status < 300 || status >= 400)
    for (const name in SHOWN_HEADERS) ctx.res.setHeader(name, SHOWN_HEADERS[name] ?? '');
  for (const name in headers) ctx.res.setHeader(name, headers[name] ?? '');
  ctx.body = body;
}
