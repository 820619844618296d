import { shownText } from './shown-text.ts';
import { isSectionName, parseHostAndPort, parsePort } from './safe-words.ts';
import type { HostAndPort } from './safe-words.ts';

/** A service and its instances, from one line. */
export interface EndpointLine {
  readonly name: string;
  /** The port that stands for the service. */
  readonly port: number;
  readonly endpoints: readonly HostAndPort[];
}

/** What a line says. `warnings` tell what was left out, and why. */
export interface ParsedEndpointLine {
  /** null if the line is left out. */
  readonly line: EndpointLine | null;
  readonly warnings: readonly string[];
}

/**
 * Reads a line of endpoints: `name<TAB>port<TAB>host:port<TAB>host:port`, with or without a TAB at its end. An app without
 * a port, whose line Marathon writes with a space in the port's place, is left out.
 */
export function parseEndpointLine(text: string): ParsedEndpointLine {
  const [name, portText, ...rest] = text.split(/[\t\r ]+/).filter((word) => word !== '');
  if (name === undefined) return { line: null, warnings: [] };
  if (!isSectionName(name))
    return leftOut(`${shownText(name)} is not a name: give letters, digits and -_. only`);
  const port = parsePort(portText ?? '');
  if (port === null) return leftOut(`${name} has no port: its line must be name<TAB>port<TAB>host:port`);
  const parsed = rest.map((word) => ({ word, endpoint: parseHostAndPort(word) }));
  return {
    line: { name, port, endpoints: parsed.flatMap(({ endpoint }) => endpoint ?? []) },
    warnings: parsed
      .filter(({ endpoint }) => endpoint === null)
      .map(({ word }) => `an endpoint of ${name} is left out: ${shownText(word)} is not host:port`),
  };
}

function leftOut(reason: string): ParsedEndpointLine {
  return { line: null, warnings: [`a line is left out: ${reason}`] };
}
