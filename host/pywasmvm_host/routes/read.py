"""A RouteConfiguration of Envoy as JSON: read, checked, and refused where this host does not do it.

Fields without an effect that shows on a stream are listed as such; every other field is either read or
refused with its path.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import Any

from .changes import read_changes
from .matching import conditions, path_rule
from .model import Action, Direct, Redirect, Rewrite, Route, RouteTable, Substitution, VirtualHost, Weighted
from .parts import Part, refuse
from .retries import read_retry_policy

__all__ = ["read_routes"]

REDIRECT_CODES = {
    "MOVED_PERMANENTLY": 301,
    "FOUND": 302,
    "SEE_OTHER": 303,
    "TEMPORARY_REDIRECT": 307,
    "PERMANENT_REDIRECT": 308,
}
MISSING_CODES = {"SERVICE_UNAVAILABLE": 503, "NOT_FOUND": 404, "INTERNAL_SERVER_ERROR": 500}
# Balancing, statistics, tracing and limits that need other filters: nothing of it shows here.
SILENT_ACTION = ("hash_policy", "metadata_match", "priority", "rate_limits", "include_vh_rate_limits", "cors")
SILENT_ROUTE = ("decorator", "tracing", "stat_prefix", "per_request_buffer_limit_bytes")
SILENT_HOST = ("rate_limits", "virtual_clusters", "cors", "include_is_timeout_retry_header")
FILTER_CONFIG = "envoy.config.route.v3.FilterConfig"


def substitution(part: Part | None) -> Substitution | None:
    """Read a RegexMatchAndSubstitute."""
    if part is None:
        return None
    pattern = part.regex("pattern")
    if pattern is None:
        raise refuse(part.path, "pattern is missing")
    by = part.text("substitution")
    part.done()
    wanted = [int(n) for n in re.findall(r"\\(\d)", by)]
    if wanted and max(wanted) > pattern.groups:
        return Substitution(None, by)  # why: RE2 replaces nothing then
    return Substitution(pattern, by)


def _rewrite(part: Part) -> Rewrite:
    found = Rewrite(part.text("prefix_rewrite"), substitution(part.part("regex_rewrite")))
    if found.prefix and found.regex is not None:
        reason = "Specify only one of prefix_rewrite, regex_rewrite or path_rewrite_policy"
        raise refuse(part.path, reason, reason=reason)
    return found


def _weighted(part: Part | None, clusters: Collection[str]) -> tuple[Weighted, ...]:
    if part is None:
        return ()
    out = []
    for p in part.parts("clusters"):
        one = Weighted(
            p.text("name"),
            p.number("weight"),
            p.text("host_rewrite_literal"),
            read_changes(p, "request"),
            read_changes(p, "response"),
        )
        p.done()
        if one.name not in clusters:
            reason = f"route: unknown weighted cluster '{one.name}'"
            raise refuse(p.at("name"), reason, reason=reason)
        out.append(one)
    part.done("total_weight", "runtime_key_prefix")
    if not sum(w.weight for w in out):
        reason = "Sum of weights in the weighted_cluster must be greater than 0."
        raise refuse(part.path, reason, reason=reason)
    return tuple(out)


def _longest(part: Part | None) -> float | None:
    if part is None:
        return None
    longest = part.duration("max_stream_duration")
    part.done()
    return longest


def read_action(part: Part, clusters: Collection[str]) -> Action:
    """Read a RouteAction."""
    named = [n for n in ("cluster", "cluster_header", "weighted_clusters") if n in part]
    if len(named) != 1:
        raise refuse(part.path, "names one of cluster, cluster_header and weighted_clusters")
    action = Action(
        cluster=part.text("cluster"),
        cluster_header=part.text("cluster_header"),
        weighted=_weighted(part.part("weighted_clusters"), clusters),
        rewrite=_rewrite(part),
        host=part.text("host_rewrite_literal"),
        host_header=part.text("host_rewrite_header"),
        host_regex=substitution(part.part("host_rewrite_path_regex")),
        tell_old_host=part.flag("append_x_forwarded_host"),
        timeout_ms=part.duration("timeout"),
        idle_ms=part.duration("idle_timeout"),
        longest_ms=_longest(part.part("max_stream_duration")),
        retry=read_retry_policy(part.part("retry_policy")),
        missing_code=part.choice("cluster_not_found_response_code", MISSING_CODES, 503),
    )
    part.flag("auto_host_rewrite")  # why: it takes the name of a host, and the clusters have addresses only
    part.done(*SILENT_ACTION)
    if action.cluster and action.cluster not in clusters:
        reason = f"route: unknown cluster '{action.cluster}'"
        raise refuse(part.at("cluster"), reason, reason=reason)
    return action


def _redirect(part: Part) -> Redirect:
    found = Redirect(
        code=part.choice("response_code", REDIRECT_CODES, 301),
        scheme="https" if part.flag("https_redirect") else part.text("scheme_redirect"),
        host=part.text("host_redirect"),
        port=part.number("port_redirect"),
        path=part.text("path_redirect"),
        rewrite=_rewrite(part),
        strip_query=part.flag("strip_query"),
    )
    part.done()
    return found


def _does(part: Part, clusters: Collection[str]) -> Action | Redirect | Direct:
    action, redirect = part.part("route"), part.part("redirect")
    direct = part.part("direct_response")
    if action is not None:
        return read_action(action, clusters)
    if redirect is not None:
        return _redirect(redirect)
    if direct is not None:
        status = direct.number("status")
        found = Direct(status, direct.data_source("body") or b"")
        direct.done()
        if not 200 <= status < 600:
            raise refuse(direct.at("status"), f"cannot be {status}: it is 200 to 599")
        return found
    if part.part("non_forwarding_action") is not None:
        return Action()
    raise refuse(part.path, "does nothing: route, redirect, direct_response or non_forwarding_action")


def _filters(part: Part) -> dict[str, bool]:
    """Read which filters are off."""
    out = {}
    for name, value in part.take("typed_per_filter_config", dict, {}).items():
        one = Part(value, f"{part.at('typed_per_filter_config')}.{name}")
        if not one.text("@type").endswith(FILTER_CONFIG):
            raise refuse(one.path, f"only a {FILTER_CONFIG} is known")
        out[name] = one.flag("disabled")
        one.done("is_optional")
    return out


def read_route(part: Part, clusters: Collection[str]) -> Route:
    """Read a Route."""
    match = part.part("match")
    if match is None:
        raise refuse(part.path, "match is missing")
    rule, rest = path_rule(match), conditions(match)
    match.done()
    route = Route(
        name=part.text("name"),
        path=rule,
        does=_does(part, clusters),
        conditions=tuple(rest),
        request=read_changes(part, "request"),
        response=read_changes(part, "response"),
        metadata=part.take("metadata", dict),
        filters=_filters(part),
    )
    part.done(*SILENT_ROUTE)
    return route


def _host(part: Part, clusters: Collection[str]) -> VirtualHost:
    host = VirtualHost(
        name=part.text("name"),
        domains=tuple(d.lower() for d in part.texts("domains")),
        routes=tuple(read_route(p, clusters) for p in part.parts("routes")),
        request=read_changes(part, "request"),
        response=read_changes(part, "response"),
        metadata=part.take("metadata", dict, {}),
        filters=_filters(part),
        retry=read_retry_policy(part.part("retry_policy")),
        tls_only=part.choice("require_tls", {"NONE": False, "EXTERNAL_ONLY": True, "ALL": True}, False),
        count_to_upstream=part.flag("include_request_attempt_count"),
        count_to_client=part.flag("include_attempt_count_in_response"),
    )
    part.done(*SILENT_HOST)
    if not host.domains:
        raise refuse(part.path, "domains is empty")
    return host


def _check_domains(name: str, hosts: list[VirtualHost]) -> None:
    seen: set[str] = set()
    for host in hosts:
        for domain in host.domains:
            reason = f"Only unique values for domains are permitted. Duplicate entry of domain {domain}"
            if domain in seen:
                if domain == "*":
                    reason = "Only a single wildcard domain is permitted"
                raise refuse(f"route_config {name}", reason, reason=f"{reason} in route {name}")
            seen.add(domain)


def read_routes(config: Any, clusters: Collection[str], path: str = "route_config") -> RouteTable:
    """Read a RouteConfiguration; `clusters` are those that exist."""
    part = Part(config, path)
    hosts = [_host(p, clusters) for p in part.parts("virtual_hosts")]
    table = RouteTable(
        name=part.text("name"),
        hosts=hosts,
        request=read_changes(part, "request"),
        response=read_changes(part, "response"),
        specific_wins=part.flag("most_specific_header_mutations_wins"),
        ignore_port=part.flag("ignore_port_in_host_matching"),
    )
    part.take("validate_clusters", bool)
    part.done("internal_only_headers")
    _check_domains(table.name, hosts)
    return table
