"""The code that a town hall pastes into its page. Everything that is written into it is escaped."""

from __future__ import annotations

from dataclasses import dataclass

from markupsafe import Markup

from ateliers.web.embed.loader import LATEST, integrity
from ateliers.web.embed.options import Options

MANY = ("theme", "moment", "type")  # what the loader splits at spaces: a parameter given several times


@dataclass(frozen=True)
class Snippets:
    """Each a text to paste: a plain string, which the page that shows it escapes once more.

    `base`: where our site is; `title`: of the frame, and words of the link; `page`: its address.
    """

    options: Options
    base: str
    title: str
    page: str

    @property
    def address(self) -> str:
        """The widget's own: WordPress and SPIP make a frame of it (oEmbed), Joomla's module too."""
        return self.base + self.options.path

    @property
    def link(self) -> str:
        return str(self._link())

    @property
    def iframe(self) -> str:
        """A bare frame, and the link under it. `style`: without it browsers draw a border."""
        made = Markup(
            '<iframe src="{}" title="{}" width="100%" height="{}" loading="lazy"'
            ' referrerpolicy="strict-origin" style="border:0"></iframe>\n<p>{}</p>'
        ).format(self.address, self.title, self.options.pixels, self._link())
        return str(made)

    @property
    def script(self) -> str:
        """The loader: the frame is as high as what it holds."""
        made = Markup("<div data-ateliers{}>{}</div>\n{}").format(
            self._attributes("data-"), self._link(), self._loader()
        )
        return str(made)

    @property
    def pinned(self) -> str:
        """The same with a version that never changes, checked by its digest."""
        made = Markup(
            "<div data-ateliers{}>{}</div>\n"
            '<script async src="{}/embed/{}/loader.js" integrity="{}" crossorigin="anonymous"></script>'
        ).format(self._attributes("data-"), self._link(), self.base, LATEST, integrity(LATEST))
        return str(made)

    @property
    def element(self) -> str:
        """The custom element."""
        made = Markup("<ateliers-numeriques{}>{}</ateliers-numeriques>\n{}").format(
            self._attributes(""), self._link(), self._loader()
        )
        return str(made)

    @property
    def policy(self) -> str:
        """What a host with a Content-Security-Policy adds to it."""
        return f"script-src {self.base}; frame-src {self.base}"

    def _link(self) -> Markup:
        return Markup('<a href="{}">{}</a>').format(self.page, self.title)

    def _loader(self) -> Markup:
        return Markup('<script async src="{}/embed/v1/loader.js"></script>').format(self.base)

    def _attributes(self, prefix: str) -> Markup:
        said: dict[str, str] = {"vue": self.options.view, "titre": self.title}
        for name, value in self.options.pairs():
            said[name] = f"{said[name]} {value}" if name in said and name in MANY else value
        return Markup("").join(Markup(' {}{}="{}"').format(prefix, name, value) for name, value in said.items())
