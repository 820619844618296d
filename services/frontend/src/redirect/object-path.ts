export type ObjectCallName = 'redirect' | 'purge' | 'status';

/** `/v1/<call>/:service/:region/<parameter>`, not decoded. The parameter is everything after the region. */
export interface ObjectPath {
  readonly call: ObjectCallName;
  readonly service: string;
  readonly region: string;
  readonly parameter: string;
}

const OBJECT_CALL = /^\/v1\/(redirect|purge|status)(?:\/|$)/;

/** The call on one object with which the raw path begins; null if there is none. */
export function objectCallOf(rawPath: string): ObjectCallName | null {
  return (OBJECT_CALL.exec(rawPath)?.[1] as ObjectCallName | undefined) ?? null;
}

/**
 * Splits the raw path. A router would decode it first, and could then not distinguish a `/` of the standard base64
 * alphabet from a separator.
 * @returns null if a segment is missing
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
