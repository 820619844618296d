/** A parameter of a query. Name and value are percent-decoded once; a parameter without `=` has an empty value. */
export interface QueryParameter {
  readonly name: string;
  readonly value: string;
}

/** The parameters of a query without its `?`. A `;` separates too, as some servers read it. */
export function parametersOf(query: string): QueryParameter[] {
  return query.split(/[&;]/).map((text) => {
    const equals = text.indexOf('=');
    return {
      name: decodedOnce(equals === -1 ? text : text.slice(0, equals)),
      value: equals === -1 ? '' : decodedOnce(text.slice(equals + 1)),
    };
  });
}

/**
 * Decodes `%41`, IIS's `%u0041` and `+`. Never throws. Octets above 0x7f become one character each, which is enough to
 * compare names.
 */
export function decodedOnce(text: string): string {
  if (!/[%+]/.test(text)) return text;
  return text
    .replaceAll('+', ' ')
    .replace(/%(?:u00)?([0-9a-f]{2})/gi, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
}
