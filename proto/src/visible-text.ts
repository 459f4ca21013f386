/**
 * What a reader cannot see, or what a terminal obeys: control characters (C0, DEL, C1), format characters (the
 * bidirectional controls, zero-width ones and tags among them), line and paragraph separators, surrogates without their
 * partner, and what no Unicode version of this Node knows.
 */
const UNSEEN = /[\p{C}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}]/gu;

/**
 * Text of anybody on one line, with nothing in it that a terminal obeys or a reader does not see: white space becomes a
 * space, everything else of that kind is written out, such as `\u202e`.
 */
export function visibleText(text: string): string {
  return text
    .replace(/[\t\n\v\f\r]+/g, ' ')
    .replace(UNSEEN, writtenOut)
    .trim();
}

/** The same for text of several lines, whose line feeds stay. */
export function visibleLines(text: string): string {
  return text.replaceAll('\r\n', '\n').replaceAll('\t', '  ').replace(UNSEEN, exceptLineFeed);
}

/**
 * JSON in which nothing is raw that a terminal obeys or a reader does not see: JSON.stringify leaves U+009B, U+202E or
 * U+2028 as they are. It parses to the same value. Line feeds between objects stay.
 */
export function visibleJson(json: string): string {
  return json.replace(UNSEEN, exceptLineFeed);
}

function exceptLineFeed(character: string): string {
  return character === '\n' ? character : writtenOut(character);
}

/** In JSON's own notation, in which a character beyond the first 65,536 is two units. */
function writtenOut(character: string): string {
  return Array.from({ length: character.length }, (_, index) => {
    return `\\u${character.charCodeAt(index).toString(16).padStart(4, '0')}`;
  }).join('');
}
