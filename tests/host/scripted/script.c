/* A filter that does what its configuration says: for each callback a list of host calls, each one logged with its
   status and its results. Lines: "@CALLBACK[:NTH][#CONTEXT]" begins a section, every other line is one call. */
typedef unsigned int u32;
typedef unsigned long long u64;
typedef unsigned char u8;

#define IMPORT(n) __attribute__((import_module("env"), import_name("proxy_" #n))) u32 proxy_##n
#define EXPORT(n) __attribute__((export_name(n)))

IMPORT(log)(u32, const u8 *, u32);
IMPORT(set_tick_period_milliseconds)(u32);
IMPORT(set_effective_context)(u32);
IMPORT(done)(void);
IMPORT(get_status)(u32 *, u8 **, u32 *);
IMPORT(get_property)(const u8 *, u32, u8 **, u32 *);
IMPORT(set_property)(const u8 *, u32, const u8 *, u32);
IMPORT(get_buffer_bytes)(u32, u32, u32, u8 **, u32 *);
IMPORT(set_buffer_bytes)(u32, u32, u32, const u8 *, u32);
IMPORT(get_buffer_status)(u32, u32 *, u32 *);
IMPORT(get_header_map_size)(u32, u32 *);
IMPORT(get_header_map_pairs)(u32, u8 **, u32 *);
IMPORT(set_header_map_pairs)(u32, const u8 *, u32);
IMPORT(get_header_map_value)(u32, const u8 *, u32, u8 **, u32 *);
IMPORT(add_header_map_value)(u32, const u8 *, u32, const u8 *, u32);
IMPORT(replace_header_map_value)(u32, const u8 *, u32, const u8 *, u32);
IMPORT(remove_header_map_value)(u32, const u8 *, u32);
IMPORT(send_local_response)(u32, const u8 *, u32, const u8 *, u32, const u8 *, u32, u32);
IMPORT(http_call)(const u8 *, u32, const u8 *, u32, const u8 *, u32, const u8 *, u32, u32, u32 *);
IMPORT(grpc_call)(const u8 *, u32, const u8 *, u32, const u8 *, u32, const u8 *, u32, const u8 *, u32, u32, u32 *);
IMPORT(grpc_stream)(const u8 *, u32, const u8 *, u32, const u8 *, u32, const u8 *, u32, u32 *);
IMPORT(grpc_send)(u32, const u8 *, u32, u32);
IMPORT(grpc_cancel)(u32);
IMPORT(grpc_close)(u32);
IMPORT(get_shared_data)(const u8 *, u32, u8 **, u32 *, u32 *);
IMPORT(set_shared_data)(const u8 *, u32, const u8 *, u32, u32);
IMPORT(register_shared_queue)(const u8 *, u32, u32 *);
IMPORT(resolve_shared_queue)(const u8 *, u32, const u8 *, u32, u32 *);
IMPORT(enqueue_shared_queue)(u32, const u8 *, u32);
IMPORT(dequeue_shared_queue)(u32, u8 **, u32 *);
IMPORT(define_metric)(u32, const u8 *, u32, u32 *);
IMPORT(increment_metric)(u32, u64);
IMPORT(record_metric)(u32, u64);
IMPORT(get_metric)(u32, u64 *);
IMPORT(call_foreign_function)(const u8 *, u32, const u8 *, u32, u8 **, u32 *);
#if ABI == 10
IMPORT(continue_request)(void);
IMPORT(continue_response)(void);
IMPORT(clear_route_cache)(void);
IMPORT(get_configuration)(u8 **, u32 *);
EXPORT("proxy_abi_version_0_1_0") void abi(void) {}
#else
IMPORT(continue_stream)(u32);
IMPORT(close_stream)(u32);
#if ABI == 21
IMPORT(get_log_level)(u32 *);
EXPORT("proxy_abi_version_0_2_1") void abi(void) {}
#else
EXPORT("proxy_abi_version_0_2_0") void abi(void) {}
#endif
#endif

static u8 arena[1 << 18];
static u32 top;
EXPORT("malloc") u8 *alloc(u32 n) {
  if (n > sizeof arena) return 0;
  n = (n + 7) & ~7u;
  if (top + n > sizeof arena) top = 0;
  u8 *p = arena + top;
  top += n;
  return p;
}

typedef struct { u32 root, len; u8 text[8192]; } Script;
static Script scripts[6];
static u32 n_scripts, n_contexts, n_counts, last_stream;
static struct { u32 ctx, script; } contexts[256];
static struct { u32 ctx, n; u8 *name; u32 len; } counts[512];
static u32 last_token, last_cas, last_queue, last_metric;
static u8 *where; static u32 where_len;

static u8 line[4096];
static u32 at;
static void put(u8 c) { if (at < sizeof line) line[at++] = c; }
static void text(const char *s) { while (*s) put((u8)*s++); }
static void number(u64 v) { u8 b[24]; u32 n = 0; do b[n++] = (u8)('0' + v % 10); while (v /= 10); while (n) put(b[--n]); }
static void hex(u8 c) { const char *d = "0123456789abcdef"; put('\\'); put('x'); put((u8)d[c >> 4]); put((u8)d[c & 15]); }
static void show(const u8 *p, u32 n) {
  text(" len="); number(n); text(" '");
  for (u32 i = 0; i < n && i < 600; i++) if (p[i] < 32 || p[i] > 126) hex(p[i]); else put(p[i]);
  put('\'');
}
static void flush(void) { proxy_log(2, line, at); at = 0; }

typedef struct { u8 *p; u32 n; } Str;
static u8 pool[32768]; static u32 pool_at;
static const u8 *src, *src_end;

static int digit(u8 c) { return c <= '9' ? c - '0' : (c | 32) - 'a' + 10; }
static int more(void) { while (src < src_end && *src == ' ') src++; return src < src_end && *src != '\n'; }
static Str word(void) {
  Str s; s.p = pool + pool_at; s.n = 0;
  if (!more()) return s;
  if (*src == '~') { src++; s.p = 0; return s; }
  while (src < src_end && *src != ' ' && *src != '\n') {
    u8 c = *src++;
    if (c == '\\' && src < src_end) {
      u8 e = *src++;
      if (e == 's') c = ' '; else if (e == 'n') c = '\n'; else if (e == 'r') c = '\r'; else if (e == '0') c = 0; else if (e == 't') c = '\t';
      else if (e == 'x') { c = (u8)(digit(src[0]) << 4 | digit(src[1])); src += 2; }
      else if (e == '*') { /* \*NNNc : repeat c */ u32 k = 0; while (*src >= '0' && *src <= '9') k = k * 10 + (u32)(*src++ - '0'); u8 r = *src++; while (k-- && pool_at + s.n < sizeof pool) s.p[s.n++] = r; continue; }
      else c = e;
    }
    if (pool_at + s.n < sizeof pool) s.p[s.n++] = c;
  }
  pool_at += s.n;
  return s;
}
static u64 value(u32 special) {
  if (!more()) return 0;
  if (*src == '$') { src++; u32 d = 0; if (src < src_end && *src == '-') { src++; while (src < src_end && *src >= '0' && *src <= '9') d = d * 10 + (u32)(*src++ - '0'); } return special - d; }
  u64 v = 0; int neg = 0;
  if (*src == '-') neg = 1, src++;
  while (src < src_end && *src >= '0' && *src <= '9') v = v * 10 + (u64)(*src++ - '0');
  return neg ? (u64)-(long long)v : v;
}
static u32 num(void) { return (u32)value(0); }
static void w32(u8 *p, u32 v) { for (int i = 0; i < 4; i++) p[i] = (u8)(v >> 8 * i); }
static Str pairs(void) {
  Str k[64], v[64]; u32 n = 0, size = 4;
  while (n < 64 && more() && *src != '|') { k[n] = word(); v[n] = word(); size += 10 + k[n].n + v[n].n; n++; }
  Str out; out.n = 0; out.p = 0;
  if (!n) return out;
  out.p = pool + pool_at; out.n = size; pool_at += size;
  u8 *p = out.p; w32(p, n); p += 4;
  for (u32 i = 0; i < n; i++) { w32(p, k[i].n); w32(p + 4, v[i].n); p += 8; }
  for (u32 i = 0; i < n; i++) {
    for (u32 j = 0; j < k[i].n; j++) *p++ = k[i].p[j];
    *p++ = 0;
    for (u32 j = 0; j < v[i].n; j++) *p++ = v[i].p[j];
    *p++ = 0;
  }
  return out;
}
static void bar(void) { if (more() && *src == '|') src++; }
static int is(Str s, const char *t) { u32 i = 0; for (; t[i]; i++) if (i >= s.n || s.p[i] != (u8)t[i]) return 0; return i == s.n; }
static u32 deep(u32 n) { volatile u8 room[256]; room[n & 255] = 1; return deep(n + 1) + room[0]; }

static u32 result, have_result;
static void run_line(u32 root, u32 ctx) {
  u8 *p = (u8 *)1; u32 n = 7, a, b, c; u64 w; Str s, t, v, x, y; u32 rc = 0;
  const u8 *begin = src;
  pool_at = 0;
  Str op = word();
  at = 0;
  for (u32 i = 0; i < where_len; i++) put(where[i]);
  put(' ');
  { const u8 *e = begin; u32 k = 0; while (e < src_end && *e != '\n' && k++ < 60) put(*e++); }
  text(" = ");
  if (is(op, "log")) { a = num(); s = word(); rc = proxy_log(a, s.p, s.n); }
  else if (is(op, "hsize")) { rc = proxy_get_header_map_size(num(), &n); text("size "); number(n); put(' '); }
  else if (is(op, "hpairs")) { rc = proxy_get_header_map_pairs(num(), &p, &n); show(rc ? 0 : p, rc ? 0 : n); }
  else if (is(op, "hget")) { a = num(); s = word(); rc = proxy_get_header_map_value(a, s.p, s.n, &p, &n); show(p, rc ? 0 : n); }
  else if (is(op, "hadd")) { a = num(); s = word(); t = word(); rc = proxy_add_header_map_value(a, s.p, s.n, t.p, t.n); }
  else if (is(op, "hrep")) { a = num(); s = word(); t = word(); rc = proxy_replace_header_map_value(a, s.p, s.n, t.p, t.n); }
  else if (is(op, "hrem")) { a = num(); s = word(); rc = proxy_remove_header_map_value(a, s.p, s.n); }
  else if (is(op, "hset")) { a = num(); s = pairs(); rc = proxy_set_header_map_pairs(a, s.p, s.n); }
  else if (is(op, "hraw")) { a = num(); s = word(); rc = proxy_set_header_map_pairs(a, s.p, s.n); }
  else if (is(op, "bget")) { a = num(); b = num(); c = num(); rc = proxy_get_buffer_bytes(a, b, c, &p, &n); show(p, rc ? 0 : n); }
  else if (is(op, "bset")) { a = num(); b = num(); c = num(); s = word(); rc = proxy_set_buffer_bytes(a, b, c, s.p, s.n); }
  else if (is(op, "bstat")) { a = 9; rc = proxy_get_buffer_status(num(), &n, &a); text("size "); number(n); text(" flags "); number(a); put(' '); }
  else if (is(op, "local")) { a = num(); s = word(); t = word(); b = num(); v = pairs(); rc = proxy_send_local_response(a, s.p, s.n, t.p, t.n, v.p, v.n, b); }
  else if (is(op, "call")) { s = word(); a = num(); t = word(); v = pairs(); bar(); x = pairs(); rc = proxy_http_call(s.p, s.n, v.p, v.n, t.p, t.n, x.p, x.n, a, &n); text("token "); number(n); put(' '); if (!rc) last_token = n; }
  else if (is(op, "get")) { s = word(); a = num(); static u8 std[] = ":method GET :path /call :authority example.test"; const u8 *o = src, *oe = src_end; src = std; src_end = std + sizeof std - 1; v = pairs(); src = o; src_end = oe;
    rc = proxy_http_call(s.p, s.n, v.p, v.n, 0, 0, 0, 0, a, &n); text("token "); number(n); put(' '); if (!rc) last_token = n; }
  else if (is(op, "gcall")) { s = word(); t = word(); x = word(); a = num(); y = word(); v = pairs(); rc = proxy_grpc_call(s.p, s.n, t.p, t.n, x.p, x.n, v.p, v.n, y.p, y.n, a, &n); text("token "); number(n); put(' '); if (!rc) last_token = n; }
  else if (is(op, "gstream")) { s = word(); t = word(); x = word(); v = pairs(); rc = proxy_grpc_stream(s.p, s.n, t.p, t.n, x.p, x.n, v.p, v.n, &n); text("token "); number(n); put(' '); if (!rc) last_token = n; }
  else if (is(op, "gsend")) { a = (u32)value(last_token); s = word(); b = num(); rc = proxy_grpc_send(a, s.p, s.n, b); }
  else if (is(op, "gcancel")) rc = proxy_grpc_cancel((u32)value(last_token));
  else if (is(op, "gclose")) rc = proxy_grpc_close((u32)value(last_token));
  else if (is(op, "status")) { a = 99; rc = proxy_get_status(&a, &p, &n); text("code "); number(a); show(p, rc ? 0 : n); }
  else if (is(op, "prop")) { s = word(); for (u32 i = 0; i < s.n; i++) if (s.p[i] == '|') s.p[i] = 0; rc = proxy_get_property(s.p, s.n, &p, &n); show(p, rc ? 0 : n); }
  else if (is(op, "sprop")) { s = word(); t = word(); for (u32 i = 0; i < s.n; i++) if (s.p[i] == '|') s.p[i] = 0; rc = proxy_set_property(s.p, s.n, t.p, t.n); }
  else if (is(op, "sget")) { s = word(); a = 0; rc = proxy_get_shared_data(s.p, s.n, &p, &n, &a); text("cas "); number(a); show(p, rc ? 0 : n); last_cas = a; }
  else if (is(op, "sset")) { s = word(); t = word(); rc = proxy_set_shared_data(s.p, s.n, t.p, t.n, (u32)value(last_cas)); }
  else if (is(op, "qreg")) { s = word(); n = 0; rc = proxy_register_shared_queue(s.p, s.n, &n); text("token "); number(n); put(' '); last_queue = n; }
  else if (is(op, "qres")) { s = word(); t = word(); n = 0; rc = proxy_resolve_shared_queue(s.p, s.n, t.p, t.n, &n); text("token "); number(n); put(' '); last_queue = n; }
  else if (is(op, "qenq")) { a = (u32)value(last_queue); s = word(); rc = proxy_enqueue_shared_queue(a, s.p, s.n); }
  else if (is(op, "qdeq")) { rc = proxy_dequeue_shared_queue((u32)value(last_queue), &p, &n); show(p, rc ? 0 : n); }
  else if (is(op, "mdef")) { a = num(); s = word(); n = 0; rc = proxy_define_metric(a, s.p, s.n, &n); text("id "); number(n); put(' '); last_metric = n; }
  else if (is(op, "minc")) { a = (u32)value(last_metric); w = value(0); rc = proxy_increment_metric(a, w); }
  else if (is(op, "mrec")) { a = (u32)value(last_metric); w = value(0); rc = proxy_record_metric(a, w); }
  else if (is(op, "mget")) { w = 0; rc = proxy_get_metric((u32)value(last_metric), &w); number(w); put(' '); }
  else if (is(op, "ff")) { s = word(); t = word(); rc = proxy_call_foreign_function(s.p, s.n, t.p, t.n, &p, &n); show(p, p == (u8 *)1 ? 0 : n); }
  else if (is(op, "tick")) rc = proxy_set_tick_period_milliseconds(num());
  else if (is(op, "eff")) { a = 0; if (more() && *src == 's') src++, a = last_stream; else if (more() && *src == 'r') src++, a = root; else a = (u32)value(ctx); rc = proxy_set_effective_context(a); }
  else if (is(op, "done")) rc = proxy_done();
#if ABI == 10
  else if (is(op, "contreq")) rc = proxy_continue_request();
  else if (is(op, "contresp")) rc = proxy_continue_response();
  else if (is(op, "clear")) rc = proxy_clear_route_cache();
  else if (is(op, "conf")) { rc = proxy_get_configuration(&p, &n); show(p, rc ? 0 : n > 40 ? 40 : n); }
#else
  else if (is(op, "cont")) rc = proxy_continue_stream(num());
  else if (is(op, "close")) rc = proxy_close_stream(num());
#if ABI == 21
  else if (is(op, "level")) { n = 99; rc = proxy_get_log_level(&n); number(n); put(' '); }
#endif
#endif
  else if (is(op, "oob")) { rc = proxy_get_header_map_value(0, (u8 *)0xfffffff0u, 4, &p, &n); a = proxy_get_header_map_value(0, (u8 *)":path", 5, (u8 **)0xfffffff0u, &n); number(a); put(' '); }
  else if (is(op, "grow")) { rc = (u32)__builtin_wasm_memory_grow(0, num()); }
  else if (is(op, "ret")) { result = num(); have_result = 1; at = 0; return; }
  else if (is(op, "trap")) __builtin_trap();
  else if (is(op, "deep")) rc = deep(1);
  else if (is(op, "oobtrap")) rc = *(volatile u32 *)0xfffffff0u;
  else if (is(op, "div")) { volatile u32 z = 0; rc = 1 / z; }
  else { text("?"); flush(); return; }
  text(" rc="); number(rc);
  flush();
}

static Script *script_of(u32 ctx) {
  for (u32 i = n_contexts; i-- > 0;) if (contexts[i].ctx == ctx) return &scripts[contexts[i].script];
  return n_scripts ? &scripts[0] : 0;
}
static u32 nth(u32 ctx, u8 *name, u32 len) {
  for (u32 i = 0; i < n_counts; i++) if (counts[i].ctx == ctx && counts[i].name == name) return ++counts[i].n;
  if (n_counts < 512) { counts[n_counts].ctx = ctx; counts[n_counts].name = name; counts[n_counts].len = len; counts[n_counts].n = 1; n_counts++; }
  return 1;
}
static int heading(const u8 *p, const u8 *end, const char *name, u32 len, u32 k, u32 ctx) {
  for (u32 i = 0; i < len; i++, p++) if (p >= end || *p != (u8)name[i]) return 0;
  while (p < end && *p != '\n') {
    u8 c = *p++; u32 v = 0;
    if (c != ':' && c != '#') return 0;
    while (p < end && *p >= '0' && *p <= '9') v = v * 10 + (u32)(*p++ - '0');
    if (v != (c == ':' ? k : ctx)) return 0;
  }
  return 1;
}
static u32 callback(const char *name, u32 ctx, u32 def) {
  Script *s = script_of(ctx);
  u32 len = 0; while (name[len]) len++;
  u32 k = nth(ctx, (u8 *)name, len);
  have_result = 0;
  if (s) {
    const u8 *p = s->text, *end = s->text + s->len; int mine = 0, ran = 0;
    while (p < end) {
      const u8 *e = p; while (e < end && *e != '\n') e++;
      if (*p == '@') { if (ran) break; mine = ran = heading(p + 1, e, name, len, k, ctx); }
      else if (mine && e > p) { src = p; src_end = e; where = (u8 *)name; where_len = len; run_line(s->root, ctx); }
      p = e + 1;
    }
  }
  return have_result ? result : def;
}

EXPORT("proxy_on_context_create") void create(u32 ctx, u32 parent) {
  if (n_contexts < 256) {
    u32 i = 0;
    if (parent == 0 && n_scripts < 6) {
      u8 *p = 0; u32 n = 0;
#if ABI == 10
      proxy_get_buffer_bytes(7, 0, 8192, &p, &n);
#else
      proxy_get_buffer_bytes(7, 0, 8192, &p, &n);
#endif
      i = n_scripts++;
      scripts[i].root = ctx; scripts[i].len = n;
      for (u32 j = 0; j < n; j++) scripts[i].text[j] = p[j];
    } else {
      for (u32 j = 0; j < n_scripts; j++) if (scripts[j].root == parent) i = j;
      last_stream = ctx;
    }
    contexts[n_contexts].ctx = ctx; contexts[n_contexts].script = i; n_contexts++;
  }
  callback(parent ? "create" : "root", ctx, 0);
}
#define CB1(n, e, d) EXPORT("proxy_on_" e) u32 on_##n(u32 c) { return callback(#n, c, d); }
#define CB2(n, e, d) EXPORT("proxy_on_" e) u32 on_##n(u32 c, u32 a) { (void)a; return callback(#n, c, d); }
#define CB3(n, e, d) EXPORT("proxy_on_" e) u32 on_##n(u32 c, u32 a, u32 b) { (void)a; (void)b; return callback(#n, c, d); }
#define CBV1(n, e) EXPORT("proxy_on_" e) void on_##n(u32 c) { callback(#n, c, 0); }
#define CBV2(n, e) EXPORT("proxy_on_" e) void on_##n(u32 c, u32 a) { (void)a; callback(#n, c, 0); }
#define CBV3(n, e) EXPORT("proxy_on_" e) void on_##n(u32 c, u32 a, u32 b) { (void)a; (void)b; callback(#n, c, 0); }
CB2(vm_start, "vm_start", 1)
CB2(configure, "configure", 1)
CBV1(tick, "tick")
#ifndef FEW
#if ABI == 10
CB2(reqh, "request_headers", 0)
CB2(resh, "response_headers", 0)
#else
CB3(reqh, "request_headers", 0)
CB3(resh, "response_headers", 0)
#endif
CB3(reqb, "request_body", 0)
CB2(reqt, "request_trailers", 0)
CB3(resb, "response_body", 0)
CB2(rest, "response_trailers", 0)
CB1(conn, "new_connection", 0)
CB3(down, "downstream_data", 0)
CB3(up, "upstream_data", 0)
CBV2(downclose, "downstream_connection_close")
CBV2(upclose, "upstream_connection_close")
#else
CB3(reqb, "request_body", 0)
CB3(resb, "response_body", 0)
#endif
#if ABI != 10
CB2(reqm, "request_metadata", 0)
CB2(resm, "response_metadata", 0)
CBV3(foreign, "foreign_function")
#endif
CB1(done, "done", 1)
CBV1(log, "log")
CBV1(delete, "delete")
EXPORT("proxy_on_http_call_response") void on_http(u32 c, u32 t, u32 h, u32 b, u32 r) { (void)t; (void)h; (void)b; (void)r; callback("http", c, 0); }
CBV3(ginit, "grpc_receive_initial_metadata")
CBV3(gmsg, "grpc_receive")
CBV3(gtrail, "grpc_receive_trailing_metadata")
CBV3(gend, "grpc_close")
CBV2(queue, "queue_ready")
