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
 * The parts of ftfy's `fix_text` (rspeer/python-ftfy 6) that change what people write: UTF-8 that was read as Windows-1252 is read
 * again, curly quotes are straightened, Latin ligatures and full-width forms become plain letters, line breaks become `\n`,
 * terminal escapes, control characters and lone surrogates go, and the rest is composed (NFC). Where ftfy weighs by a table of
 * "badness" whether text was misread, this asks whether all of it, or one of its lines, is valid UTF-8 after all.
 */
function fixText(text: string): string {
  // Python's strings have no lone surrogates from UTF-8; ftfy makes them U+FFFD.
  let fixed = text.toWellFormed();
  // ftfy takes lines by themselves, so one good line does not keep a bad one.
  fixed = fixed
    .split(/(?<=\n)/)
    .map((line) => fixLine(line))
    .join('');
  return fixed.normalize('NFC');
}

function fixLine(line: string): string {
  let fixed = line.includes('<') ? line : decodeHTML(line);
  for (let i = 0; i < 4; i++) {
    const again = readAgain(fixed);
    if (again === fixed) break;
    fixed = again;
  }
  return (
    fixed
      // oxlint-disable-next-line no-control-regex -- terminal escapes begin with one
      .replace(/\u001b\[((?:\d|;)*)([a-zA-Z])/gu, '')
      .replace(/[ﬀ-ﬆĲĳŉǱǲǳǄǅǆǇ-ǌ]/gu, (letter) => letter.normalize('NFKC'))
      .replace(/[\uff01-\uffef\u3000]/gu, (wide) => wide.normalize('NFKC'))
      .replace(/[\u02bc\u2018-\u201b]/gu, "'")
      .replace(/[\u201c-\u201f]/gu, '"')
      .replace(/\r\n|[\r\u2028\u2029\u0085]/gu, '\n')
      // oxlint-disable-next-line no-control-regex -- they are what goes
      .replace(/[\u0000-\u0008\u000b\u000e-\u001f\u007f\u206a-\u206f\ufeff\ufff9-\ufffc]/gu, '')
  );
}

/** Characters of Windows-1252 that are not at their own number, by number: 0x80 to 0x9f. */
const WINDOWS = '€\u0081‚ƒ„…†‡ˆ‰Š‹Œ\u008dŽ\u008f\u0090‘’“”•–—˜™š›œ\u009džŸ';

/** The text whose UTF-8 bytes, read as Windows-1252, would be this; or this, where there is no such text. */
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
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(Uint8Array.from(bytes));
  } catch {
    return text;
  }
}
