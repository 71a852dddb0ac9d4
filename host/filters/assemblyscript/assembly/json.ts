// Reading JSON from bytes, without building a tree: a cursor that walks members and skips values.
//
// Rule 1: nothing here throws; the first failure is kept in `error` and every later step fails as well.
// Rule 2: a skipped value is checked for structure (strings, brackets, separators) only as far as its end needs.

import { Bytes } from "./bytes";

export const QUOTE: u8 = 0x22;
const BACKSLASH: u8 = 0x5c;
const COMMA: u8 = 0x2c;
const COLON: u8 = 0x3a;
const OPEN_BRACE: u8 = 0x7b;
const CLOSE_BRACE: u8 = 0x7d;
const OPEN_BRACKET: u8 = 0x5b;
const CLOSE_BRACKET: u8 = 0x5d;

export function isSpace(c: u8): bool {
  return c == 0x20 || c == 0x09 || c == 0x0a || c == 0x0d;
}

/** Offset of the first byte at or after `at` that is no white space. */
export function skipSpace(json: StaticArray<u8>, at: i32): i32 {
  while (at < json.length && isSpace(json[at])) at++;
  return at;
}

/** Offset behind the string that starts at `at` with a quote, -1 if it does not end. */
export function skipString(json: StaticArray<u8>, at: i32): i32 {
  for (let i = at + 1; i < json.length; i++) {
    const c = json[i];
    if (c == BACKSLASH) i++;
    else if (c == QUOTE) return i + 1;
  }
  return -1;
}

/** Offset behind the value that starts at `at`, -1 if it does not end. */
export function skipValue(json: StaticArray<u8>, at: i32): i32 {
  let depth = 0;
  let i = at;
  while (i < json.length) {
    const c = json[i];
    if (c == QUOTE) {
      i = skipString(json, i);
      if (i < 0) return -1;
      if (depth == 0) return i;
      continue;
    }
    if (c == OPEN_BRACE || c == OPEN_BRACKET) depth++;
    else if (c == CLOSE_BRACE || c == CLOSE_BRACKET) {
      if (depth == 0) break;
      depth--;
      if (depth == 0) return i + 1;
    } else if (depth == 0 && (c == COMMA || isSpace(c))) break;
    i++;
  }
  return depth == 0 && i > at ? i : -1;
}

export class Reader {
  error: string = "";
  private at: i32 = 0;
  /** The name of the member that next() stopped at. */
  key: string = "";

  constructor(private json: StaticArray<u8>) {}

  fail(reason: string): bool {
    if (this.error.length == 0) this.error = `${reason} at byte ${this.at}`;
    return false;
  }

  /** Whether only white space is left. */
  atEnd(): bool {
    this.at = skipSpace(this.json, this.at);
    return this.at == this.json.length;
  }

  /** Step into an object. */
  open(): bool {
    return this.accept(OPEN_BRACE) || this.fail("expected '{'");
  }

  /** Go to the next member of the object and past its colon; false at the end of it or on failure. */
  next(first: bool): bool {
    if (this.error.length > 0 || this.accept(CLOSE_BRACE)) return false;
    if (!first && !this.accept(COMMA)) return this.fail("expected ',' or '}'");
    const name = this.string();
    if (name === null) return false;
    this.key = String.UTF8.decodeUnsafe(changetype<usize>(name), name.length);
    return this.accept(COLON) || this.fail("expected ':'");
  }

  /** Read a string and undo its escapes. */
  string(): StaticArray<u8> | null {
    this.at = skipSpace(this.json, this.at);
    if (this.at >= this.json.length || this.json[this.at] != QUOTE) {
      this.fail("expected a string");
      return null;
    }
    const end = skipString(this.json, this.at);
    if (end < 0) {
      this.fail("string without end");
      return null;
    }
    const from = this.at + 1;
    this.at = end;
    const plain = unescape(this.json, from, end - 1);
    if (plain === null) this.fail("bad escape in the string that ends");
    return plain;
  }

  /** Read a number that is a natural one and fits; -1 on failure. */
  natural(): i32 {
    this.at = skipSpace(this.json, this.at);
    const from = this.at;
    let value: i64 = 0;
    while (this.at < this.json.length && this.json[this.at] >= 0x30 && this.json[this.at] <= 0x39) {
      value = min<i64>(value * 10 + (this.json[this.at] - 0x30), i64(i32.MAX_VALUE) + 1);
      this.at++;
    }
    if (this.at == from || value > i32.MAX_VALUE) {
      this.fail("expected a natural number");
      return -1;
    }
    return i32(value);
  }

  /** Take the text of any value as it stands. */
  raw(): StaticArray<u8> | null {
    this.at = skipSpace(this.json, this.at);
    const end = skipValue(this.json, this.at);
    if (end < 0) {
      this.fail("expected a value");
      return null;
    }
    const value = StaticArray.slice<u8>(this.json, this.at, end);
    this.at = end;
    return value;
  }

  private accept(c: u8): bool {
    this.at = skipSpace(this.json, this.at);
    if (this.at >= this.json.length || this.json[this.at] != c) return false;
    this.at++;
    return true;
  }
}

function hexDigit(c: u8): i32 {
  if (c >= 0x30 && c <= 0x39) return c - 0x30;
  const lower = c | 0x20;
  return lower >= 0x61 && lower <= 0x66 ? lower - 0x61 + 10 : -1;
}

/** The UTF-16 unit written as four hex digits at `at`, -1 if it is none. */
function hexUnit(json: StaticArray<u8>, at: i32, end: i32): i32 {
  if (at + 4 > end) return -1;
  let unit = 0;
  for (let i = at; i < at + 4; i++) {
    const digit = hexDigit(json[i]);
    if (digit < 0) return -1;
    unit = (unit << 4) | digit;
  }
  return unit;
}

function pushUtf8(out: Bytes, point: i32): void {
  if (point < 0x80) return out.push(u8(point));
  if (point < 0x800) out.push(u8(0xc0 | (point >> 6)));
  else {
    if (point < 0x10000) out.push(u8(0xe0 | (point >> 12)));
    else {
      out.push(u8(0xf0 | (point >> 18)));
      out.push(u8(0x80 | ((point >> 12) & 0x3f)));
    }
    out.push(u8(0x80 | ((point >> 6) & 0x3f)));
  }
  out.push(u8(0x80 | (point & 0x3f)));
}

/** What the letter after a backslash stands for, 0 if it is not one of the short escapes. */
function shortEscape(c: u8): u8 {
  switch (c) {
    case QUOTE: case BACKSLASH: case 0x2f: return c;
    case 0x62: return 0x08;
    case 0x66: return 0x0c;
    case 0x6e: return 0x0a;
    case 0x72: return 0x0d;
    case 0x74: return 0x09;
    default: return 0;
  }
}

/** Undo the escapes in json[from, to); null if one is malformed. */
function unescape(json: StaticArray<u8>, from: i32, to: i32): StaticArray<u8> | null {
  const out = new Bytes(to - from);
  let i = from;
  while (i < to) {
    const c = json[i++];
    if (c != BACKSLASH) {
      out.push(c);
      continue;
    }
    const letter = json[i++];
    if (letter != 0x75) {
      const plain = shortEscape(letter);
      if (plain == 0) return null;
      out.push(plain);
      continue;
    }
    let point = hexUnit(json, i, to);
    if (point < 0) return null;
    i += 4;
    if (point >= 0xd800 && point < 0xdc00) {
      // A surrogate pair; a lone half has no UTF-8 form.
      const low = i + 6 <= to && json[i] == BACKSLASH && json[i + 1] == 0x75 ? hexUnit(json, i + 2, to) : -1;
      if (low < 0xdc00 || low > 0xdfff) return null;
      point = 0x10000 + ((point - 0xd800) << 10) + (low - 0xdc00);
      i += 6;
    } else if (point >= 0xdc00 && point < 0xe000) return null;
    pushUtf8(out, point);
  }
  return out.take();
}
