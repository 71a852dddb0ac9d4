// A growing byte buffer.

export class Bytes {
  private data: StaticArray<u8>;
  private size: i32 = 0;

  constructor(capacity: i32) {
    this.data = new StaticArray<u8>(max(capacity, 16));
  }

  /** Append source[from, to). */
  append(source: StaticArray<u8>, from: i32, to: i32): void {
    const length = to - from;
    if (length <= 0) return;
    this.reserve(length);
    memory.copy(changetype<usize>(this.data) + this.size, changetype<usize>(source) + from, length);
    this.size += length;
  }

  push(byte: u8): void {
    this.reserve(1);
    this.data[this.size] = byte;
    this.size += 1;
  }

  /** A copy of the exact size. */
  take(): StaticArray<u8> {
    return StaticArray.slice<u8>(this.data, 0, this.size);
  }

  private reserve(extra: i32): void {
    const needed = this.size + extra;
    if (needed <= this.data.length) return;
    const bigger = new StaticArray<u8>(max(needed, this.data.length * 2));
    memory.copy(changetype<usize>(bigger), changetype<usize>(this.data), this.size);
    this.data = bigger;
  }
}

/** Whether bytes[at, at + word.length) is word. */
export function matches(bytes: StaticArray<u8>, at: i32, word: StaticArray<u8>): bool {
  if (at + word.length > bytes.length) return false;
  return memory.compare(changetype<usize>(bytes) + at, changetype<usize>(word), word.length) == 0;
}
