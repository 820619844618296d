/**
 * Retries of HTTP requests on another server. A request that a server may have begun to process is sent again only if it is
 * no POST.
 */
export const RETRY_LINES: readonly string[] = [
  '  option redispatch',
  '  retries 3',
  '  retry-on conn-failure empty-response',
  '  http-request disable-l7-retry if METH_POST',
];
