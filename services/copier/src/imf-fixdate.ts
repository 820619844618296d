/** The three forms that recipients must accept (RFC 9110, section 5.6.7). Asctime has no time zone. */
const FORMS = [
  /^[A-Z][a-z]{2}, \d{2} [A-Z][a-z]{2} \d{4} \d{2}:\d{2}:\d{2} GMT$/,
  /^[A-Z][a-z]{5,8}, \d{2}-[A-Z][a-z]{2}-\d{2} \d{2}:\d{2}:\d{2} GMT$/,
];
const ASCTIME = /^[A-Z][a-z]{2} [A-Z][a-z]{2} [ \d]\d \d{2}:\d{2}:\d{2} \d{4}$/;

/** An HTTP date as an IMF-fixdate, the form that senders must use; `null` if `text` is not an HTTP date. */
export function imfFixdate(text: string): string | null {
  const asctime = ASCTIME.test(text);
  if (!asctime && !FORMS.some((form) => form.test(text))) return null;
  const date = new Date(asctime ? `${text} GMT` : text);
  return Number.isNaN(date.getTime()) ? null : date.toUTCString();
}
