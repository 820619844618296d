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
    // Too many nested aliases, or a merge key whose value is not a mapping: the parser has no error code for these.
    const found = 'aliases or merge keys (<<) that cannot be resolved';
    const expected = 'merge keys that refer to mappings, and fewer aliases inside aliases';
    return { faults: [{ path: '', found, expected }] };
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
    return { path, found: `the key ${key} twice in one mapping`, expected: 'each key only once' };
  }
  const { found, expected } = PROBLEMS[problem.code] ?? {
    found: 'text that is not YAML',
    expected: 'YAML 1.2 syntax',
  };
  // The usual cause: inside { } and [ ], an unquoted brace is YAML syntax.
  const unquoted = text.split('\n')[line - 1]?.includes('${') ?? false;
  return {
    path,
    found,
    expected: unquoted ? `${expected} (inside { } and [ ], put quotes around "\${NAME}")` : expected,
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
        found: `the alias *${alias.source}, which has no anchor`,
        expected: `the anchor &${alias.source} earlier in the file`,
      });
    },
  });
  return faults;
}

/** Replaces the parser's own messages, which quote the file and could show a secret. */
const PROBLEMS: { readonly [code in ErrorCode]?: { readonly found: string; readonly expected: string } } = {
  TAB_AS_INDENT: { found: 'a tab in the indentation', expected: 'spaces: YAML does not indent with tabs' },
  BAD_INDENT: {
    found: 'wrong indentation, or a bracket that is not closed',
    expected: 'the same indentation for all keys of one mapping, and each bracket closed',
  },
  MULTIPLE_DOCS: { found: 'a second YAML document', expected: 'a single document: remove the line ---' },
  MISSING_CHAR: {
    found: 'a missing quote, bracket or comma',
    expected: 'each quote and bracket closed, and commas between the items inside { } and [ ]',
  },
  TAG_RESOLVE_FAILED: { found: 'a YAML tag (!)', expected: 'a value without a tag' },
  RESOURCE_EXHAUSTION: { found: 'values nested too deeply', expected: 'fewer levels of nesting' },
};
