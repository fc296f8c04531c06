"""`python -m tests.wordpress`: addresses of ours pasted into posts, seen by a visitor in Chromium. 0 when all is well."""

from __future__ import annotations

import asyncio
import re
import shutil
import sys
import tempfile
from pathlib import Path

from playwright.sync_api import Browser, Page, expect, sync_playwright

from ateliers.database import migrate
from geo.communes.packages import build_from_packages
from tests.browser import fair as fairs
from tests.browser.chromium import installed
from tests.browser.hosts import own_height
from tests.processes import serving
from tests.wordpress.server import PACKAGES, PASSWORD, WordPress, install, is_installed, wordpress

ROOT = Path(__file__).resolve().parents[2]
LEAST, MOST = 200, 1000  # px: WordPress's own bounds


def main() -> int:
    """Says what it checks, line by line."""
    if not is_installed() and not install():
        print(f"WordPress is not here. Debian, Ubuntu: apt install {' '.join(PACKAGES)}", file=sys.stderr)
        return 1
    folder = Path(tempfile.mkdtemp(prefix="wp-"))
    try:
        asyncio.run(migrate(f"sqlite:///{folder}/empty.db"))
        shutil.copy(folder / "empty.db", folder / "ateliers.db")
        communes = folder / "communes.db"
        build_from_packages(communes, ROOT / "node_modules" / "@etalab" / "decoupage-administratif")
        database_url = f"sqlite:///{folder}/ateliers.db"
        sessions, venue, _ = fairs.rows(database_url)
        with serving(database_url, folder, communes, worker=True) as ports, wordpress(folder, ports[0]) as blog:
            base = f"http://127.0.0.1:{ports[0]}"
            with sync_playwright() as playwright:
                browser = playwright.chromium.launch(executable_path=installed(), args=["--no-sandbox"])
                for path in (
                    "/ateliers?commune=23096", f"/ateliers/{sessions['open']}", f"/lieux/{venue}", "/ateliers/departement/23",
                    "/embed/v1/carte?commune=23096&couleur=8a1c4a", "/embed/v1/prochain?commune=23096&max=2",
                ):  # fmt: skip
                    pasted(browser, blog, base, path)
                typed(browser, blog, base)
                browser.close()
            refused(blog, base)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return 0


def pasted(browser: Browser, blog: WordPress, base: str, path: str) -> None:
    """An address alone on its line becomes our frame, in WordPress's sandbox, as high as what it holds."""
    page = browser.new_context(viewport={"width": 1000, "height": 900}).new_page()
    page.goto(blog.post(f"Venez apprendre.\n\n{base}{path}\n\nÀ bientôt."))
    embedded(page, base)
    frame = page.locator("iframe.wp-embedded-content")
    heights = []
    for width in (500, 280):  # WordPress writes its theme's column into the frame
        frame.evaluate("(it, width) => { it.width = width; }", width)
        page.wait_for_timeout(800)
        expect(frame).to_be_visible()
        inside = page.query_selector("iframe.wp-embedded-content").content_frame()  # type: ignore[union-attr]
        assert inside is not None
        heights.append(height(page))
        assert abs(heights[-1] - max(LEAST, min(MOST, own_height(inside)))) <= 1, (path, width, heights)
    print(f"pasted {path}: {heights} px high, 500 and 280 px wide")
    assert heights[1] > heights[0] or heights[0] == MOST
    link = page.frame_locator("iframe.wp-embedded-content").locator(".card h2 a").first
    expect(link).not_to_contain_text("nouvelle fenêtre")  # the sandbox opens none: WordPress leads there itself
    link.click()
    expect(page).to_have_url(re.compile(rf"^{re.escape(base)}/ateliers/\d+$"))
    page.context.close()


def typed(browser: Browser, blog: WordPress, base: str) -> None:
    """The same by hand: an author signs in, pastes the address into the editor, publishes and looks."""
    page = browser.new_context(viewport={"width": 1200, "height": 900}).new_page()
    page.goto(f"{blog.url}/wp-login.php")
    page.locator("#user_login").fill("redactrice")
    page.locator("#user_pass").fill(PASSWORD)
    page.locator("#wp-submit").click()
    page.goto(f"{blog.url}/wp-admin/post-new.php")
    page.wait_for_function("window.wp?.data?.select('core/block-editor') && wp.blocks?.getBlockTypes().length > 20")
    page.evaluate(
        """async (address) => {
          const blocks = wp.blocks.pasteHandler({ HTML: "", plainText: address, mode: "AUTO" });
          const made = Array.isArray(blocks) ? blocks : [wp.blocks.createBlock("core/embed", { url: address })];
          await wp.data.dispatch("core/block-editor").resetBlocks(made);
          await wp.data.dispatch("core/editor").editPost({ title: "Nos ateliers", status: "publish" });
          await wp.data.dispatch("core/editor").savePost();
        }""",
        f"{base}/ateliers?commune=23096",
    )
    link = page.evaluate("wp.data.select('core/editor').getPermalink()")
    kind = page.evaluate("wp.data.select('core/block-editor').getBlocks().map((it) => it.name).join()")
    assert kind == "core/embed", kind
    page.goto(link)
    embedded(page, base)
    print(f"pasted in the editor: {kind}, {height(page):.0f} px high")
    page.context.close()


def embedded(page: Page, base: str) -> None:
    """Our frame is shown, in a sandbox of scripts alone; what WordPress shows meanwhile is gone."""
    frame = page.locator("iframe.wp-embedded-content")
    expect(frame).to_be_visible(timeout=15_000)
    assert frame.get_attribute("sandbox") == "allow-scripts"
    assert (frame.get_attribute("src") or "").startswith(f"{base}/embed/v1/")
    assert frame.get_attribute("title")
    expect(page.locator("blockquote.wp-embedded-content")).to_be_hidden()
    page.frame_locator("iframe.wp-embedded-content").locator(".cards .btn, main > .btn").first.wait_for()
    page.wait_for_timeout(800)


def height(page: Page) -> float:
    box = page.locator("iframe.wp-embedded-content").bounding_box()
    return box["height"] if box else 0


def refused(blog: WordPress, base: str) -> None:
    """An author may not paste the frame itself: the address is their only way."""
    post = blog.post(f'<iframe src="{base}/embed/v1/liste" title="x"></iframe>')
    number = post.rpartition("=")[2]
    kept = blog.run("require $argv[1] . '/wp-load.php'; echo get_post((int) $argv[2])->post_content;", number)
    print(f"an author's <iframe> is kept as: {kept!r}")
    assert "<iframe" not in kept


if __name__ == "__main__":
    sys.exit(main())
