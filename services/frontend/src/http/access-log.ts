import type { Logger } from '@cloud-mirror/config';
import type { Exchange, RequestRecord } from './request-context.ts';

/**
 * A logger for lines whose every field is chosen below. Looking through each of them for credentials, as the program's
 * logger does with what it is given, took more time than the rest of a request.
 */
export function accessLogger(logger: Logger): Logger {
  return logger.child({}, { redact: [] });
}

/** Of its record only what the logger does not say already. */
type LoggedExchange = Omit<Exchange, 'state'> & {
  readonly state: { readonly requestId: string; readonly record: Partial<RequestRecord> };
};

/** One line for each request. What it may say of an object is in the record; the address itself is never logged. */
export function logAccess(logger: Logger, { req, res, state }: LoggedExchange, durationMs: number): void {
  const { requestId, record } = state;
  logger.info(
    {
      requestId,
      method: req.method,
      status: res.statusCode,
      durationMs: Math.round(durationMs * 1000) / 1000,
      ...(!res.writableFinished && { clientGone: true }),
      ...record,
    },
    'request',
  );
}
