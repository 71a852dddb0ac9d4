// The rules for one direction and how they change a body. No host call in here.

import { Bytes, matches } from "./bytes";
import { QUOTE, Reader, skipSpace, skipString, skipValue } from "./json";

const COLON: u8 = 0x3a;

export class Rules {
  /** Text to find, and what takes its place. */
  private find: Array<StaticArray<u8>> = [];
  private replace: Array<StaticArray<u8>> = [];
  /** First bytes of `find`, so that most positions are passed with one look. */
  private starts: StaticArray<bool> = new StaticArray<bool>(256);
  /** JSON member names as they stand in the text, with quotes, and the JSON text that takes the value's place. */
  private names: Array<StaticArray<u8>> = [];
  private values: Array<StaticArray<u8>> = [];
  /** Replacements made by the last rewrite(). */
  count: i32 = 0;

  isEmpty(): bool {
    return this.find.length == 0 && this.names.length == 0;
  }

  /** Read {"replace": {TEXT: TEXT, ...}, "fields": {NAME: VALUE, ...}}. */
  parse(reader: Reader): bool {
    if (!reader.open()) return false;
    for (let first = true; reader.next(first); first = false) {
      if (reader.key == "replace") {
        if (!this.parseReplace(reader)) return false;
      } else if (reader.key == "fields") {
        if (!this.parseFields(reader)) return false;
      } else return reader.fail(`unknown name "${reader.key}"`);
    }
    return reader.error.length == 0;
  }

  private parseReplace(reader: Reader): bool {
    if (!reader.open()) return false;
    for (let first = true; reader.next(first); first = false) {
      const word = toBytes(reader.key);
      const by = reader.string();
      if (by === null) return false;
      if (word.length == 0) return reader.fail("empty text to replace");
      this.find.push(word);
      this.replace.push(by);
      this.starts[word[0]] = true;
    }
    return reader.error.length == 0;
  }

  private parseFields(reader: Reader): bool {
    if (!reader.open()) return false;
    for (let first = true; reader.next(first); first = false) {
      const name = toBytes(`"${reader.key}"`);
      const value = reader.raw();
      if (value === null) return false;
      this.names.push(name);
      this.values.push(value);
    }
    return reader.error.length == 0;
  }

  /** The changed body: fields first (JSON only), then text. */
  rewrite(body: StaticArray<u8>, isJson: bool): StaticArray<u8> {
    this.count = 0;
    const masked = isJson && this.names.length > 0 ? this.rewriteFields(body) : body;
    return this.find.length > 0 ? this.rewriteText(masked) : masked;
  }

  private rewriteText(body: StaticArray<u8>): StaticArray<u8> {
    const out = new Bytes(body.length);
    let kept = 0;
    let i = 0;
    while (i < body.length) {
      const rule = this.starts[body[i]] ? indexOf(this.find, body, i) : -1;
      if (rule < 0) {
        i++;
        continue;
      }
      out.append(body, kept, i);
      out.append(this.replace[rule], 0, this.replace[rule].length);
      i += this.find[rule].length;
      kept = i;
      this.count++;
    }
    out.append(body, kept, body.length);
    return out.take();
  }

  /** Put new values behind the named members, at any depth; text that is no JSON stays as it is. */
  private rewriteFields(body: StaticArray<u8>): StaticArray<u8> {
    const out = new Bytes(body.length);
    let kept = 0;
    let i = 0;
    while (i < body.length) {
      if (body[i] != QUOTE) {
        i++;
        continue;
      }
      const end = skipString(body, i);
      if (end < 0) break;
      const colon = skipSpace(body, end);
      const isMember = colon < body.length && body[colon] == COLON;
      const rule = isMember ? indexOf(this.names, body, i) : -1;
      i = end;
      if (rule < 0) continue;
      const from = skipSpace(body, colon + 1);
      const to = skipValue(body, from);
      if (to < 0) break;
      out.append(body, kept, from);
      out.append(this.values[rule], 0, this.values[rule].length);
      i = to;
      kept = to;
      this.count++;
    }
    out.append(body, kept, body.length);
    return out.take();
  }
}

/** Which of the words stands at body[at], -1 for none. */
function indexOf(words: Array<StaticArray<u8>>, body: StaticArray<u8>, at: i32): i32 {
  for (let k = 0; k < words.length; k++) {
    if (matches(body, at, words[k])) return k;
  }
  return -1;
}

function toBytes(text: string): StaticArray<u8> {
  const bytes = new StaticArray<u8>(String.UTF8.byteLength(text));
  String.UTF8.encodeUnsafe(changetype<usize>(text), text.length, changetype<usize>(bytes));
  return bytes;
}

export class Config {
  request: Rules = new Rules();
  response: Rules = new Rules();
  /** Bodies above this many bytes pass unchanged, so that nobody can make the proxy hold them. */
  maxBytes: i32 = 1 << 18;
  error: string = "";

  static parse(json: StaticArray<u8>): Config {
    const config = new Config();
    const reader = new Reader(json);
    if (config.parseMembers(reader) && !reader.atEnd()) reader.fail("text after the configuration object");
    config.error = reader.error;
    return config;
  }

  private parseMembers(reader: Reader): bool {
    if (!reader.open()) return false;
    for (let first = true; reader.next(first); first = false) {
      if (reader.key == "request") {
        if (!this.request.parse(reader)) return false;
      } else if (reader.key == "response") {
        if (!this.response.parse(reader)) return false;
      } else if (reader.key == "max_bytes") {
        this.maxBytes = reader.natural();
        if (this.maxBytes < 0) return false;
      } else return reader.fail(`unknown name "${reader.key}"`);
    }
    return reader.error.length == 0;
  }
}
