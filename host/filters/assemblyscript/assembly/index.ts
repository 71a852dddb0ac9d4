// Body rewriting as a Proxy-Wasm filter: the callbacks the host calls, and the state of each stream.
//
// A body is held back until its end, changed as a whole and let go. Its length changes, so content-length goes away
// with the headers, and the proxy frames the body anew.

import {
  Action, BufferType, LogLevel, MapType, allocate, defineCounter, header, increment, log, readBuffer, removeHeader,
  writeBuffer,
} from "./abi";
import { Config, Rules } from "./rules";

/** What is under way in one direction of one stream. */
class Half {
  active: bool = false;
  isJson: bool = false;

  constructor(private name: string, private map: MapType, private buffer: BufferType) {}

  /** Decide by the headers whether the body will be changed. */
  begin(rules: Rules, endOfStream: bool): void {
    if (rules.isEmpty() || endOfStream) return;
    const type = header(this.map, "content-type").toLowerCase();
    this.isJson = type.includes("json");
    if (!this.isJson && !type.startsWith("text/") && !type.startsWith("application/x-www-form-urlencoded")) return;
    const encoding = header(this.map, "content-encoding");
    if (encoding.length > 0 && encoding != "identity") {
      log(LogLevel.Warn, `body-rewrite: ${this.name}: ${encoding} body left alone`);
      return;
    }
    // why: a part of a body has offsets that a change would falsify.
    if (header(this.map, "content-range").length > 0) return;
    removeHeader(this.map, "content-length");
    this.active = true;
  }

  /** Take part in one body event; `size` is what has been held so far, this event included. */
  body(config: Config, rules: Rules, size: i32, endOfStream: bool): Action {
    if (!this.active) return Action.Continue;
    if (size > config.maxBytes) {
      log(LogLevel.Warn, `body-rewrite: ${this.name}: more than ${config.maxBytes} bytes, left alone`);
      this.active = false;
      return Action.Continue;
    }
    if (!endOfStream) return Action.Pause;
    this.finish(rules);
    return Action.Continue;
  }

  /** Change the whole body that is held. */
  finish(rules: Rules): void {
    if (!this.active) return;
    this.active = false;
    const old = readBuffer(this.buffer);
    const fresh = rules.rewrite(old, this.isJson);
    if (rules.count == 0) return;
    if (!writeBuffer(this.buffer, old.length, fresh)) {
      log(LogLevel.Error, `body-rewrite: ${this.name}: the host did not take the new body`);
      return;
    }
    log(LogLevel.Info, `body-rewrite: ${this.name}: ${rules.count} changes, ${old.length} -> ${fresh.length} bytes`);
    increment(replacements, rules.count);
  }
}

class Stream {
  request: Half = new Half("request", MapType.RequestHeaders, BufferType.RequestBody);
  response: Half = new Half("response", MapType.ResponseHeaders, BufferType.ResponseBody);

  constructor(public config: Config) {}
}

const roots = new Map<u32, Config>();
const streams = new Map<u32, Stream>();
let replacements: i32 = -1;

export function proxy_abi_version_0_2_1(): void {}

export function proxy_on_memory_allocate(size: i32): usize {
  return allocate(size);
}

export function proxy_on_context_create(id: u32, root: u32): void {
  if (root == 0) roots.set(id, new Config());
  else streams.set(id, new Stream(roots.get(root)));
}

export function proxy_on_configure(root: u32, size: i32): i32 {
  const config = Config.parse(readBuffer(BufferType.PluginConfiguration));
  if (config.error.length > 0) {
    log(LogLevel.Error, `body-rewrite: bad configuration: ${config.error}`);
    return 0;
  }
  roots.set(root, config);
  replacements = defineCounter("body_rewrite.replacements");
  log(LogLevel.Info, `body-rewrite: configured with ${size} bytes`);
  return 1;
}

export function proxy_on_request_headers(id: u32, count: i32, endOfStream: i32): i32 {
  const stream = streams.get(id);
  // why: a compressed answer could not be changed; ask for a plain one.
  if (!stream.config.response.isEmpty()) removeHeader(MapType.RequestHeaders, "accept-encoding");
  stream.request.begin(stream.config.request, endOfStream != 0);
  return Action.Continue;
}

export function proxy_on_request_body(id: u32, size: i32, endOfStream: i32): i32 {
  const stream = streams.get(id);
  return stream.request.body(stream.config, stream.config.request, size, endOfStream != 0);
}

export function proxy_on_request_trailers(id: u32, count: i32): i32 {
  const stream = streams.get(id);
  stream.request.finish(stream.config.request);
  return Action.Continue;
}

export function proxy_on_response_headers(id: u32, count: i32, endOfStream: i32): i32 {
  const stream = streams.get(id);
  stream.response.begin(stream.config.response, endOfStream != 0);
  return Action.Continue;
}

export function proxy_on_response_body(id: u32, size: i32, endOfStream: i32): i32 {
  const stream = streams.get(id);
  return stream.response.body(stream.config, stream.config.response, size, endOfStream != 0);
}

export function proxy_on_response_trailers(id: u32, count: i32): i32 {
  const stream = streams.get(id);
  stream.response.finish(stream.config.response);
  return Action.Continue;
}

export function proxy_on_delete(id: u32): void {
  if (!streams.delete(id)) roots.delete(id);
}
