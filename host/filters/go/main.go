// An API-key check as a Proxy-Wasm filter: no known key, no way through.
package main

import (
	"fmt"

	"example.test/filters/api-key/auth"
	"github.com/proxy-wasm/proxy-wasm-go-sdk/proxywasm"
	"github.com/proxy-wasm/proxy-wasm-go-sdk/proxywasm/types"
)

func main() {}

func init() {
	proxywasm.SetVMContext(&vmContext{})
}

const (
	consumerHeader      = "x-consumer"
	grpcUnauthenticated = 16
	grpcDenied          = 7
)

type vmContext struct{ types.DefaultVMContext }

func (*vmContext) NewPluginContext(uint32) types.PluginContext { return &pluginContext{} }

type pluginContext struct {
	types.DefaultPluginContext
	config          *auth.Config
	allowed, denied proxywasm.MetricCounter
}

func (p *pluginContext) OnPluginStart(int) types.OnPluginStartStatus {
	data, err := proxywasm.GetPluginConfiguration()
	if err != nil && err != types.ErrorStatusNotFound {
		proxywasm.LogCriticalf("api-key: no configuration: %v", err)
		return types.OnPluginStartStatusFailed
	}
	if p.config, err = auth.Parse(data); err != nil {
		proxywasm.LogCriticalf("api-key: bad configuration: %v", err)
		return types.OnPluginStartStatusFailed
	}
	p.allowed = proxywasm.DefineCounterMetric("api_key.allowed")
	p.denied = proxywasm.DefineCounterMetric("api_key.denied")
	proxywasm.LogInfof("api-key: %d keys, header %s", len(p.config.Keys), p.config.Header)
	return types.OnPluginStartStatusOK
}

func (p *pluginContext) NewHttpContext(id uint32) types.HttpContext {
	return &stream{id: id, plugin: p}
}

type stream struct {
	types.DefaultHttpContext
	id     uint32
	plugin *pluginContext
}

// header returns a request header, "" if it is not there.
func header(name string) string {
	value, err := proxywasm.GetHttpRequestHeader(name)
	if err != nil {
		return ""
	}
	return value
}

func (s *stream) OnHttpRequestHeaders(int, bool) types.Action {
	config := s.plugin.config
	// A client must not name its own consumer.
	must(proxywasm.RemoveHttpRequestHeader(consumerHeader))
	path := header(":path")
	if config.Exempts(path) {
		return types.ActionContinue
	}
	key := header(config.Header)
	inQuery, rest := config.TakeFromQuery(path)
	if key == "" {
		key = inQuery
	}
	verdict := config.Check(header(":method"), key)
	if verdict.Status != 0 {
		return s.refuse(verdict)
	}
	s.plugin.allowed.Increment(1)
	if !config.KeepKey {
		must(proxywasm.RemoveHttpRequestHeader(config.Header))
		if rest != path {
			must(proxywasm.ReplaceHttpRequestHeader(":path", rest))
		}
	}
	must(proxywasm.AddHttpRequestHeader(consumerHeader, verdict.Consumer))
	return types.ActionContinue
}

// refuse answers the client itself. The key is never written to the log.
func (s *stream) refuse(verdict auth.Verdict) types.Action {
	s.plugin.denied.Increment(1)
	proxywasm.LogWarnf("api-key: #%d %d %s", s.id, verdict.Status, verdict.Code)
	headers := [][2]string{{"content-type", "application/json"}}
	grpcStatus := int32(grpcDenied)
	if verdict.Status == 401 {
		headers = append(headers, [2]string{"www-authenticate", fmt.Sprintf("ApiKey realm=%q", s.plugin.config.Realm)})
		grpcStatus = grpcUnauthenticated
	}
	must(proxywasm.SendHttpResponse(verdict.Status, headers, verdict.Body(), grpcStatus))
	return types.ActionPause
}

// must stops the guest on a host error: a guard that cannot do its work must not let requests through.
func must(err error) {
	if err != nil {
		panic(err)
	}
}
