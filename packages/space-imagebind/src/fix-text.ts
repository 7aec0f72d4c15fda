import { decodeHTML } from 'entities';

/**
 * What CLIP's tokenizer does to text before its byte pairs (openai/CLIP `simple_tokenizer.py`: `basic_clean`, `whitespace_clean`):
 * ftfy, HTML unescaped twice, white space collapsed, lower case.
 */
export function cleanText(text: string): string {
  return decodeHTML(decodeHTML(fixText(text)))
    .trim()
    .replace(/\s+/gu, ' ')
    .trim()
    .toLowerCase();
}

/**
 * ftfy's `fix_text` (rspeer/python-ftfy 6.3), line by line: HTML entities are read where no `<` stands before their end, UTF-8 that
 * was read as Windows-1252 is read again, C1 controls become what Windows-1252 has at their places, Latin ligatures and full-width
 * forms plain letters, curly quotes straight, line breaks `\n`; terminal escapes, control characters and lone surrogates go, and
 * the rest is composed (NFC); all of it again until nothing changes.
 *
 * Left out: misread UTF-8 that is only a part of its line, that was read in other encodings, or that has lost bytes; CESU-8; and
 * entities in capitals without a meaning in HTML (`&NTILDE;`). Where ftfy weighs by a table of "badness" whether a line was misread,
 * this asks whether all of it is valid UTF-8 after all.
 */
function fixText(text: string): string {
  let entities = true;
  // Python's strings have no lone surrogates from UTF-8; ftfy makes them U+FFFD.
  const lines = text.toWellFormed().split(/(?<=\n)/);
  return lines
    .map((line) => {
      entities &&= !line.includes('<');
      return fixLine(line, entities);
    })
    .join('');
}

function fixLine(line: string, entities: boolean): string {
  const fixed = fixOnce(entities ? decodeHTML(line) : line);
  return fixed === line ? line : fixLine(fixed, entities);
}

/** One round of ftfy's fixes, in its order. */
function fixOnce(line: string): string {
  return (
    readAgain(line)
      .replace(/[\u0080-\u009f]/gu, (control) => WINDOWS[control.charCodeAt(0) - 0x80] ?? control)
      // NFKC goes one step further with this one, to `st`.
      .replaceAll('ﬅ', 'ſt')
      .replace(/[ﬀ-ﬆĲĳŉǱǲǳǄǅǆǇ-ǌ]/gu, (letter) => letter.normalize('NFKC'))
      .replace(/[\uff01-\uffef\u3000]/gu, (wide) => wide.normalize('NFKC'))
      .replace(/[\u02bc\u2018-\u201b]/gu, "'")
      .replace(/[\u201c-\u201f]/gu, '"')
      .replace(/\r\n|[\r\u2028\u2029]/gu, '\n')
      // oxlint-disable-next-line no-control-regex -- terminal escapes begin with one
      .replace(/\u001b\[(?:\p{Nd}|;)*[a-zA-Z]/gu, '')
      // oxlint-disable-next-line no-control-regex -- they are what goes
      .replace(/[\u0000-\u0008\u000b\u000e-\u001f\u007f\u206a-\u206f\ufeff\ufff9-\ufffc]/gu, '')
      .normalize('NFC')
  );
}

/** Characters of Windows-1252 that are not at their own number, by number: 0x80 to 0x9f. */
const WINDOWS = '€\u0081‚ƒ„…†‡ˆ‰Š‹Œ\u008dŽ\u008f\u0090‘’“”•–—˜™š›œ\u009džŸ';

/** The text whose UTF-8 bytes, read as Windows-1252 once or more often, would be this; or this, where there is no such text. */
function readAgain(text: string): string {
  // Nothing but a lead byte of UTF-8 with what can follow it is worth a look.
  if (!/[\u00c2-\u00f4]/u.test(text)) return text;
  const bytes: number[] = [];
  for (const character of text) {
    const code = character.codePointAt(0) ?? 0;
    const place = WINDOWS.indexOf(character);
    if (place >= 0) bytes.push(0x80 + place);
    else if (code < 0x100) bytes.push(code);
    else return text;
  }
  let read: string;
  try {
    read = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(Uint8Array.from(bytes));
  } catch {
    return text;
  }
  return readAgain(read);
}
