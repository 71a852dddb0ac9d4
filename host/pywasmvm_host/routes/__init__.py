"""Routes: which virtual host and route a request meets, and what they make of it.

table = read_routes(route_config)       a RouteConfiguration of Envoy, as JSON
found = table.find(headers, random)     the route of a request, or where its search ended
found.change_request(headers, stream)   what the router does before it sends the request
"""

from .model import Found, RouteTable, one_route
from .read import read_routes

__all__ = ["Found", "RouteTable", "one_route", "read_routes"]
