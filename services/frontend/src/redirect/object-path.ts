export type ObjectCallName = 'redirect' | 'purge' | 'status';

/** `/v1/<call>/:service/:region/<parameter>`. The parameter is the whole rest of the path. Nothing is decoded. */
export interface ObjectPath {
  readonly call: ObjectCallName;
  readonly service: string;
  readonly region: string;
  readonly parameter: string;
}

const OBJECT_CALL = /^\/v1\/(redirect|purge|status)(?:\/|$)/;

/** Which call on one object the raw path begins with; `null` where it begins with none. */
export function objectCallOf(rawPath: string): ObjectCallName | null {
  return (OBJECT_CALL.exec(rawPath)?.[1] as ObjectCallName | undefined) ?? null;
}

/**
 * Splits the raw path. A router would decode it first, and could then not tell a `/` of the standard base64 alphabet from one
 * that separates segments.
 * @returns `null` where a segment is missing
 */
export function parseObjectPath(rawPath: string): ObjectPath | null {
  const call = objectCallOf(rawPath);
  if (call === null) return null;
  const serviceStart = `/v1/${call}/`.length;
  const serviceEnd = rawPath.indexOf('/', serviceStart);
  if (serviceEnd === -1) return null;
  const regionEnd = rawPath.indexOf('/', serviceEnd + 1);
  if (regionEnd === -1) return null;
  return {
    call,
    service: rawPath.slice(serviceStart, serviceEnd),
    region: rawPath.slice(serviceEnd + 1, regionEnd),
    parameter: rawPath.slice(regionEnd + 1),
  };
}
