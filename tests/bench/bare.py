"""The yardstick: a bare Starlette + Jinja page of as many bytes as asked, on the same server command."""

from __future__ import annotations

import sys

import uvicorn
from jinja2 import Environment
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse
from starlette.routing import Route

ROW = "<li class='card'><h2>{{ n }}</h2><p>A row like those of a real list, with some words and a number.</p></li>\n"
PAGE = "<!doctype html><ol>{% for n in range(rows) %}" + ROW + "{% endfor %}</ol>"
template = Environment(autoescape=True).from_string(PAGE)


async def page(request: Request) -> HTMLResponse:
    """About `bytes` bytes, made of rows as a list page is."""
    return HTMLResponse(template.render(rows=max(1, int(request.query_params["bytes"]) // (len(ROW) - 6))))


app = Starlette(routes=[Route("/bare", page)])

if __name__ == "__main__":
    uvicorn.run(app, host="127.0.0.1", port=int(sys.argv[1]), log_level="error", access_log=False)
