import { quotableName } from '@hms-sync/adapter-sdk/host';
import { INEXACT, isExactNumber, JsonError, readUtf8 } from '@hms-sync/proto/json';
import { type Document, isPair, isScalar, isSeq, type ParsedNode, parseDocument, visit } from 'yaml';
import { ConfigError } from './config-error.ts';

/**
 * Reads YAML 1.2: 0x1F and 0o17 are numbers, 017 is 17, and 1_000, 2026-11-23 and yes are texts.
 *
 * What is wrong is reported by code and place alone: the library's messages quote the file, which may hold a secret.
 *
 * @throws {ConfigError}
 */
export function readYaml(path: string, bytes: Uint8Array): unknown {
  const document = parse(path, textOf(path, bytes));
  rejectInexact(path, document);
  try {
    return document.toJS() ?? {};
  } catch {
    throw new ConfigError(`${path} is not YAML that the hub reads: an alias (*name) names nothing or too much`);
  }
}

function textOf(path: string, bytes: Uint8Array): string {
  try {
    return readUtf8(bytes);
  } catch (error) {
    throw error instanceof JsonError ? new ConfigError(`${path} ${error.message}`) : error;
  }
}

function parse(path: string, text: string): Document.Parsed<ParsedNode> {
  const document = parsed(path, text);
  // What the library only warns of is wrong here too.
  const [wrong] = [...document.errors, ...document.warnings];
  if (wrong === undefined) return document;
  const [at] = wrong.linePos ?? [];
  const place = at === undefined ? '' : ` at line ${at.line}, column ${at.col}`;
  throw new ConfigError(`${path} is not YAML that the hub reads: ${inWords(wrong.code)}${place}`);
}

function parsed(path: string, text: string): Document.Parsed<ParsedNode> {
  try {
    // Its warnings would go to stderr by themselves, with an excerpt of the file.
    return parseDocument(text, { logLevel: 'error' });
  } catch (error) {
    // The library reads by recursion.
    if (!(error instanceof RangeError)) throw error;
    throw new ConfigError(`${path} is not YAML that the hub reads: it is nested too deep`);
  }
}

/** What the codes that a slip of the keyboard brings about mean; another, such as BAD_ALIAS, is "bad alias". */
const WORDS: Readonly<Record<string, string>> = {
  MISSING_CHAR: 'a closing quote, a colon or the indentation is missing before or',
  MULTILINE_IMPLICIT_KEY: 'a key is indented wrongly, or its colon is missing,',
  BLOCK_AS_IMPLICIT_KEY: 'a second key or colon on one line, or text with a colon that needs quotes,',
};

function inWords(code: string): string {
  const words = WORDS[code];
  if (words !== undefined) return words;
  return code.toLowerCase().replaceAll('_', ' ');
}

/** Numbers become doubles here, by the rule that holds wherever they do. */
function rejectInexact(path: string, document: Document.Parsed<ParsedNode>): void {
  visit(document, {
    Scalar(_key, { value, source = '' }, around) {
      if (typeof value !== 'number' || isExactNumber(source)) return;
      const what = Number.isFinite(value) ? INEXACT : 'is not a finite number; write it as a string, in quotes';
      throw new ConfigError(`${path}: ${placeOf(around)} ${what}`);
    },
  });
}

/** The names and places on the way to a value, as "adapters[0].config.amount". */
function placeOf(around: readonly unknown[]): string {
  const steps = around.map((node, index) => {
    if (isPair(node)) return isScalar(node.key) ? `.${quotableName(String(node.key.value))}` : '';
    return isSeq(node) ? `[${node.items.indexOf(around[index + 1])}]` : '';
  });
  return steps.join('').slice(1);
}
