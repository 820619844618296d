const MAX_PATH_CHARACTERS = 512;

/** What logs may say of a URL: host and path, never its query (it may be a signature) nor its user information. */
export function urlForLog(url: URL): string {
  const path = url.pathname;
  return `${url.host}${path.length > MAX_PATH_CHARACTERS ? `${path.slice(0, MAX_PATH_CHARACTERS)}…` : path}`;
}
