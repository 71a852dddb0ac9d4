// The Proxy-Wasm ABI 0.2.1 as far as this filter needs it: host functions, enums, the allocator, abort.
//
// Rule 1: memory that the host fills is a pinned StaticArray<u8>; take() unpins it, so each is taken exactly once.
// Rule 2: nothing is imported that a host need not have; in particular not env.abort.

export const enum Status { Ok = 0, NotFound = 1 }
export const enum LogLevel { Trace, Debug, Info, Warn, Error, Critical }
export const enum Action { Continue = 0, Pause = 1 }
export const enum MapType { RequestHeaders = 0, ResponseHeaders = 2 }
export const enum BufferType { RequestBody = 0, ResponseBody = 1, PluginConfiguration = 7 }
export const enum MetricType { Counter = 0 }

@external("env", "proxy_log")
declare function proxy_log(level: i32, message: usize, size: i32): i32;
@external("env", "proxy_get_buffer_bytes")
declare function proxy_get_buffer_bytes(type: i32, start: i32, max: i32, data: usize, size: usize): i32;
@external("env", "proxy_set_buffer_bytes")
declare function proxy_set_buffer_bytes(type: i32, start: i32, length: i32, data: usize, size: i32): i32;
@external("env", "proxy_get_header_map_value")
declare function proxy_get_header_map_value(map: i32, key: usize, keySize: i32, value: usize, size: usize): i32;
@external("env", "proxy_remove_header_map_value")
declare function proxy_remove_header_map_value(map: i32, key: usize, keySize: i32): i32;
@external("env", "proxy_define_metric")
declare function proxy_define_metric(type: i32, name: usize, size: i32, id: usize): i32;
@external("env", "proxy_increment_metric")
declare function proxy_increment_metric(id: i32, delta: i64): i32;

// Slots for what the host hands back by pointer; calls do not nest, so one set is enough.
const slots = memory.data(12);
const dataSlot = slots;
const sizeSlot = slots + 4;
const idSlot = slots + 8;

/** Allocate a block for the host; it stays pinned until take(). */
export function allocate(size: i32): usize {
  return __pin(__new(size, idof<StaticArray<u8>>()));
}

/** Fetch what the last call put in the slots and give it to the garbage collector. */
function take(): StaticArray<u8> {
  const pointer = load<usize>(dataSlot);
  // why: for an empty value the host allocates nothing.
  if (load<i32>(sizeSlot) == 0 || pointer == 0) return new StaticArray<u8>(0);
  const bytes = changetype<StaticArray<u8>>(pointer);
  __unpin(pointer);
  return bytes;
}

export function log(level: LogLevel, text: string): void {
  const bytes = String.UTF8.encode(text);
  proxy_log(level, changetype<usize>(bytes), bytes.byteLength);
}

/** Read a whole buffer; an absent one is empty. */
export function readBuffer(type: BufferType): StaticArray<u8> {
  const status = proxy_get_buffer_bytes(type, 0, i32.MAX_VALUE, dataSlot, sizeSlot);
  return status == Status.Ok ? take() : new StaticArray<u8>(0);
}

/** Replace the first oldSize bytes of a buffer, which must be all of them. */
export function writeBuffer(type: BufferType, oldSize: i32, bytes: StaticArray<u8>): bool {
  return proxy_set_buffer_bytes(type, 0, oldSize, changetype<usize>(bytes), bytes.length) == Status.Ok;
}

/** Read the first value of a header; absent gives the empty string. */
export function header(map: MapType, name: string): string {
  const key = String.UTF8.encode(name);
  const status = proxy_get_header_map_value(map, changetype<usize>(key), key.byteLength, dataSlot, sizeSlot);
  return status == Status.Ok ? text(take()) : "";
}

export function removeHeader(map: MapType, name: string): void {
  const key = String.UTF8.encode(name);
  proxy_remove_header_map_value(map, changetype<usize>(key), key.byteLength);
}

export function defineCounter(name: string): i32 {
  const bytes = String.UTF8.encode(name);
  const status = proxy_define_metric(MetricType.Counter, changetype<usize>(bytes), bytes.byteLength, idSlot);
  return status == Status.Ok ? load<i32>(idSlot) : -1;
}

export function increment(id: i32, delta: i64): void {
  if (id >= 0 && delta > 0) proxy_increment_metric(id, delta);
}

export function text(bytes: StaticArray<u8>): string {
  return String.UTF8.decodeUnsafe(changetype<usize>(bytes), bytes.length);
}

/** What the compiler calls when an assertion fails: say why, then trap. */
export function abort(message: string | null, file: string | null, line: u32, column: u32): void {
  const reason = message === null ? "abort" : message;
  const place = file === null ? "?" : file;
  log(LogLevel.Critical, `body-rewrite: ${reason} at ${place}:${line}:${column}`);
  unreachable();
}
