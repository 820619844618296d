import { LineCounter, parseDocument, visit } from 'yaml';
import type { Document, ErrorCode, YAMLParseError, YAMLWarning } from 'yaml';
import type { Fault } from './config-fault.ts';

/**
 * Reads the text of a configuration file: one YAML 1.2 document, aliases and merge keys resolved.
 * @returns the mapping that it holds, or everything that is wrong with it
 */
export function parseConfigDocument(
  text: string,
): { readonly tree: Record<string, unknown> } | { readonly faults: readonly Fault[] } {
  const lines = new LineCounter();
  // `prettyErrors` would quote the faulty line, which may hold a secret.
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false, merge: true });
  const problems = [...document.errors, ...document.warnings];
  if (problems.length > 0) return { faults: problems.map((problem) => documentFault(problem, lines, text)) };
  const dangling = danglingAliases(document, lines);
  if (dangling.length > 0) return { faults: dangling };
  let tree: unknown;
  try {
    tree = document.toJS({ maxAliasCount: 100 });
  } catch {
    // Aliases of aliases beyond a bound, or merge keys whose value is no mapping: the parser has no code for these.
    const found = 'aliases or merge keys (<<) that have no value';
    return { faults: [{ path: '', found, expected: 'anchors of mappings, and few aliases of aliases' }] };
  }
  if (tree === null || tree === undefined)
    return { faults: [{ path: '', found: 'an empty file', expected: MAPPING }] };
  if (typeof tree !== 'object' || Array.isArray(tree))
    return {
      faults: [{ path: '', found: Array.isArray(tree) ? 'a list' : 'a single value', expected: MAPPING }],
    };
  return { tree: tree as Record<string, unknown> };
}

const MAPPING = 'a mapping of sections';

function documentFault(problem: YAMLParseError | YAMLWarning, lines: LineCounter, text: string): Fault {
  const { line, col } = lines.linePos(problem.pos[0]);
  const path = `line ${line}, column ${col}`;
  if (problem.code === 'DUPLICATE_KEY') {
    const [key = 'a key'] = /^[\w.-]+/.exec(text.slice(problem.pos[0])) ?? [];
    return { path, found: `${key} a second time in one mapping`, expected: 'each key once' };
  }
  const { found, expected } = PROBLEMS[problem.code] ?? {
    found: 'text that is not YAML',
    expected: 'YAML 1.2',
  };
  // The usual reason: braces have a meaning of their own inside { } and [ ].
  const unquoted = text.split('\n')[line - 1]?.includes('${') ?? false;
  return {
    path,
    found,
    expected: unquoted ? `${expected} (inside { } and [ ], "\${NAME}" needs its quotes)` : expected,
  };
}

function danglingAliases(document: Document, lines: LineCounter): Fault[] {
  const faults: Fault[] = [];
  visit(document, {
    Alias: (_, alias) => {
      if (alias.resolve(document) !== undefined) return;
      const { line, col } = lines.linePos(alias.range?.[0] ?? 0);
      const path = `line ${line}, column ${col}`;
      faults.push({
        path,
        found: `the alias *${alias.source}`,
        expected: `its anchor &${alias.source} before it`,
      });
    },
  });
  return faults;
}

/** The parser's own messages quote the file; these do not. */
const PROBLEMS: { readonly [code in ErrorCode]?: { readonly found: string; readonly expected: string } } = {
  TAB_AS_INDENT: { found: 'a tab', expected: 'spaces before the first character of a line' },
  BAD_INDENT: {
    found: 'a wrong indentation, or a bracket that is not closed',
    expected: 'the keys of one mapping below each other, and each bracket closed',
  },
  MULTIPLE_DOCS: { found: 'a second document', expected: 'one document in the file' },
  MISSING_CHAR: {
    found: 'the end of a value before its closing quote, bracket or comma',
    expected: 'it closed',
  },
  TAG_RESOLVE_FAILED: { found: 'a tag', expected: 'plain values without tags' },
  RESOURCE_EXHAUSTION: { found: 'values nested too deeply', expected: 'fewer levels' },
};
