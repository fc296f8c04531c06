"""Pictures of a printed page as data: URIs: a QR code, a pictogram, the small plan. Drawn here, fetched nowhere."""

from __future__ import annotations

import base64

import segno

from ateliers.printouts.plan import Plan
from ateliers.templating import environment

INK = "#16263d"  # --ink of site.css: a picture reads no style sheet


def qr(address: str) -> str:
    """A QR code of `address` (ISO/IEC 18004), level M: a seventh of it may be dirty. Leave white paper around it."""
    uri: str = segno.make(address, error="m", micro=False).svg_data_uri(border=2, omitsize=True)
    return uri


def pictogram(name: str) -> str:
    """A drawing of `parts/pictograms.html`, in ink."""
    macro = environment.get_template("parts/pictograms.html").module.pictogram  # type: ignore[attr-defined]
    drawn = str(macro(name)).replace("<svg", '<svg xmlns="http://www.w3.org/2000/svg"', 1)
    return _data(drawn.replace("currentColor", INK))


def drawn(plan: Plan) -> str:
    """The plan as `printouts/plan.svg` draws it."""
    return _data(environment.get_template("printouts/plan.svg").render(plan=plan))


def _data(svg: str) -> str:
    return "data:image/svg+xml;base64," + base64.b64encode(svg.encode()).decode()
