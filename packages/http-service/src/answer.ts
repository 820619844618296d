import type { RequestContext } from './request-context.ts';

/** For whatever a browser may show that is no page of ours: nothing is sniffed, run, framed, or told where it came from. */
export const SHOWN_HEADERS: Readonly<Record<string, string>> = {
  'X-Content-Type-Options': 'nosniff',
  'Content-Security-Policy': "default-src 'none'; frame-ancestors 'none'",
  'Referrer-Policy': 'no-referrer',
};

/** JSON that nobody may keep, unless `headers` say otherwise. Headers are set as they are, never rewritten. */
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
  // The body of a redirect is never shown.
  if (status < 300 || status >= 400)
    for (const name in SHOWN_HEADERS) ctx.res.setHeader(name, SHOWN_HEADERS[name] ?? '');
  for (const name in headers) ctx.res.setHeader(name, headers[name] ?? '');
  ctx.body = body;
}
