"""The yardstick: bare Starlette answers of as many bytes as asked, on the uvicorn that `ateliers serve` starts.

`/page`: a Jinja page made of rows, as a list is. `/json`: a list of objects, written at each request. Neither looks anything up.
"""

from __future__ import annotations

import sys
from functools import cache
from typing import Any

import uvicorn
from jinja2 import Environment
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse
from starlette.routing import Route

ROW = "<li class='card'><h2>{{ n }}</h2><p>A row like those of a real list, with some words and a number.</p></li>\n"
PAGE = "<!doctype html><ol>{% for n in range(rows) %}" + ROW + "{% endfor %}</ol>"
template = Environment(autoescape=True).from_string(PAGE)


async def page(request: Request) -> HTMLResponse:
    """About `bytes` bytes of HTML."""
    return HTMLResponse(template.render(rows=max(1, int(request.query_params["bytes"]) // (len(ROW) - 6))))


@cache
def _items(size: int) -> dict[str, Any]:
    item = {"id": 1, "name": "Espace numérique de la médiathèque", "count": 12, "lat": 46.1707, "lon": 1.8714}
    return {"items": [item] * max(1, size // 92)}


async def data(request: Request) -> JSONResponse:
    """About `bytes` bytes of JSON."""
    return JSONResponse(_items(int(request.query_params["bytes"])))


app = Starlette(routes=[Route("/page", page), Route("/json", data)])

if __name__ == "__main__":
    from ateliers.commands.web_processes import server_options
    from tests import world

    options = server_options(world.settings(host="127.0.0.1", port=int(sys.argv[1])))
    uvicorn.run("tests.bench.bare:app", workers=int(sys.argv[2]), **options)
