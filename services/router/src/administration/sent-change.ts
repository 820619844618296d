import { HttpProblem } from '@cloud-mirror/http-service';
import { DELETE_ROUTE, parseRouteChanges, RoutesFault } from '@cloud-mirror/storage-routes';
import type { ChangeRules, RouteChange } from '@cloud-mirror/storage-routes';

/** The body of a request that changes routes. `isForm`: from the page, whose user gets a page for an answer. */
export interface SentChange {
  readonly isForm: boolean;
  readonly changes: readonly RouteChange[];
}

/** `curl -d` sends JSON with the type of a form, unless it is told otherwise. */
export function isForm(contentType: string | undefined, body: string): boolean {
  return (
    /^application\/x-www-form-urlencoded\b/i.test(contentType ?? '') && !body.trimStart().startsWith('{')
  );
}

/** @throws RoutesFault; HttpProblem 415 for a form with files */
export function parseJsonChange(
  contentType: string | undefined,
  body: string,
  rules: ChangeRules,
): RouteChange[] {
  if (/^multipart\//i.test(contentType ?? ''))
    throw new HttpProblem(415, 'media_type_unsupported', 'Routes are sent as application/json.', {
      headers: { 'Accept-Post': 'application/json, application/x-www-form-urlencoded' },
    });
  let document: unknown;
  try {
    document = JSON.parse(body);
  } catch {
    // The parser's message quotes the text, which may contain a secret.
    throw new RoutesFault([
      { path: '', found: 'text that is not JSON', expected: 'a JSON object from paths to routes' },
    ]);
  }
  return parseRouteChanges(document, rules);
}

/** The names of the form's fields, and their places in a route. */
const FIELDS = {
  bucket: ['s3', 'bucket'],
  access: ['s3', 'access'],
  secret: ['s3', 'secret'],
  region: ['s3', 'region'],
  endpoint: ['s3', 'endpoint'],
  store: ['store'],
} as const;

/** The values of the form, to show them again beside a fault. */
export type FormValues = Readonly<Partial<Record<'path' | keyof typeof FIELDS, string>>>;

export function formValues(body: string): FormValues & { readonly action?: string } {
  const sent = new URLSearchParams(body);
  // What people type is trimmed. The path of a button is the route's own, and spaces at its ends belong to it.
  const isTyped = sent.get('action') !== 'delete';
  return Object.fromEntries([...sent].map(([name, value]) => [name, isTyped ? value.trim() : value]));
}

/** @throws RoutesFault */
export function parseFormChange(
  values: FormValues & { readonly action?: string },
  rules: ChangeRules,
): RouteChange[] {
  const { action = 'create', path = '' } = values;
  const fault = (field: string, found: string, expected: string): RoutesFault =>
    new RoutesFault([{ path: field, found, expected }]);
  if (path === '') throw fault('path', 'nothing', 'a path such as /releases');
  if (action === 'delete') return parseRouteChanges({ [path]: DELETE_ROUTE }, rules);
  if (action !== 'create') throw fault('action', JSON.stringify(action.slice(0, 40)), 'create or delete');
  const s3: Record<string, string> = {};
  const route: Record<string, unknown> = {};
  for (const [name, place] of Object.entries(FIELDS)) {
    const value = values[name as keyof typeof FIELDS] ?? '';
    if (value === '') continue;
    const [key, inner] = place;
    if (inner === undefined) route[key] = value;
    else {
      s3[inner] = value;
      route['s3'] = s3;
    }
  }
  return parseRouteChanges({ [path]: route }, rules);
}
