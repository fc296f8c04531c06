"""Widgets in pages of another origin: every code of the builder pasted, and what hosts do to them."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Frame, expect

from tests.browser.fair import AXE, WIDE, Fair, visiting
from tests.browser.hosts import Host, Seen, hosting, own_height, visiting_host

pytestmark = pytest.mark.slow
CODES = ("iframe", "script", "element", "pinned")
VIEWS = ("carte", "liste", "prochain", "bouton")
KB = 1000


@pytest.fixture(scope="module")
def host() -> Iterator[Host]:
    """Somebody else's site."""
    with hosting() as served:
        yield served


@pytest.fixture(scope="module")
def codes(chromium: Browser, fair: Fair) -> dict[tuple[str, str], str]:
    """What the builder gives for Guéret, by form and by name of its field."""
    found: dict[tuple[str, str], str] = {}
    with visiting(chromium, fair, WIDE) as visit:
        for view in VIEWS:
            visit.go(f"/integrer?commune=23096&vue={view}&couleur=8a1c4a")
            for field in visit.page.locator("textarea").all():
                found[view, (field.get_attribute("id") or "").removeprefix("code-")] = field.input_value()
    return found


def violations(frame: Frame) -> list[str]:
    """What axe-core finds inside the frame."""
    frame.evaluate(AXE)
    tags = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22a", "wcag22aa", "best-practice", "RGAAv4"]
    options = {"runOnly": {"type": "tag", "values": tags}, "rules": {"target-size": {"enabled": True}}}
    found = frame.evaluate("(options) => axe.run(options).then(({violations}) => violations)", options)
    return [f"{each['id']}: {node['html'][:160]}" for each in found for node in each["nodes"]]


def shown(seen: Seen, view: str, number: int = 0) -> Frame:
    """The widget, once it shows what it has to."""
    expect(seen.page.locator("iframe").nth(number)).to_be_visible()
    frame = seen.frames()[number]
    frame.wait_for_selector(".leaflet-marker-icon[role=button]" if view == "carte" else ".btn")
    return frame


def settled(seen: Seen, number: int = 0) -> float:
    """The height of a frame that no longer changes."""
    before = -1.0
    for _ in range(40):
        now = seen.height(number)
        if now == before:
            return now
        before = now
        seen.page.wait_for_timeout(150)
    raise AssertionError("the frame's height never rests")


@pytest.mark.parametrize("view", VIEWS)
@pytest.mark.parametrize("name", CODES)
def test_every_code_works_where_it_is_pasted(
    chromium: Browser, host: Host, codes: dict[tuple[str, str], str], view: str, name: str
) -> None:
    with visiting_host(chromium, host.put(codes[view, name])) as seen:
        frame = shown(seen, view)
        assert violations(frame) == []
        assert (
            frame.evaluate("getComputedStyle(document.documentElement).getPropertyValue('--pine').trim()") == "#8a1c4a"
        )
        link = seen.page.locator("main > p > a, main > * > a")
        assert seen.page.locator("iframe").get_attribute("title") == link.first.text_content()
        if name == "iframe":
            expect(link).to_be_visible()
            return
        expect(link).to_be_hidden()
        height = settled(seen)
        assert height == max(200, own_height(frame))
        assert seen.page.evaluate("Object.keys(window).filter((key) => /atelier|loader|embed/i.test(key))") == []
        if view == "liste":  # it follows its content, larger and smaller
            seen.page.set_viewport_size({"width": 400, "height": 800})
            seen.page.wait_for_timeout(400)
            taller = settled(seen)
            assert taller > height
            seen.page.set_viewport_size({"width": 1280, "height": 900})
            seen.page.wait_for_timeout(400)
            assert settled(seen) == height


@pytest.mark.parametrize("name", [*CODES, "link"])
def test_without_javascript_a_link_or_a_frame_remains(
    chromium: Browser, host: Host, codes: dict[tuple[str, str], str], name: str
) -> None:
    with visiting_host(chromium, host.put(codes["carte", name]), java_script_enabled=False) as seen:
        link = seen.page.locator("main a")
        expect(link).to_be_visible()
        assert (link.get_attribute("href") or "").endswith("/ateliers?commune=23096")
        if name == "iframe":
            # The frame has no scripts either: the list stands in for the map.
            frame = seen.frames()[0]
            expect(frame.locator(".card").first).to_be_visible()
            expect(frame.locator(".map")).to_be_hidden()
        else:
            assert seen.page.locator("iframe").count() == 0


def test_two_widgets_on_one_page_know_each_other_apart(
    chromium: Browser, host: Host, codes: dict[tuple[str, str], str]
) -> None:
    body = codes["liste", "script"] + codes["bouton", "element"] + codes["prochain", "pinned"]
    with visiting_host(chromium, host.put(body)) as seen:
        expect(seen.page.locator("iframe")).to_have_count(3)
        frames = [shown(seen, "liste", number) for number in range(3)]
        heights = [settled(seen, number) for number in range(3)]
        assert heights == [max(200, own_height(frame)) for frame in frames]
        assert len(set(heights)) == 3
        ids = {frame.evaluate("location.hash") for frame in frames}
        assert len(ids) >= 2


def test_only_the_frame_itself_may_say_how_high_it_is(
    chromium: Browser, host: Host, fair: Fair, codes: dict[tuple[str, str], str]
) -> None:
    with visiting_host(chromium, host.put(codes["liste", "script"])) as seen:
        frame = shown(seen, "liste")
        height = settled(seen)
        lie = {"type": "ateliers:height", "v": 1, "id": "a1", "height": 1999}
        # The host's own page, and another frame of ours that is no widget of this loader.
        seen.page.evaluate("(lie) => postMessage(lie, '*')", lie)
        seen.page.evaluate(
            """async ([address, lie]) => {
              const other = document.createElement("iframe");
              other.src = address;
              document.body.append(other);
              await new Promise((done) => { other.onload = done; });
            }""",
            [f"{fair.url}/embed/v1/bouton", lie],
        )
        seen.frames()[1].evaluate("(lie) => parent.postMessage(lie, '*')", lie)
        seen.page.wait_for_timeout(300)
        assert seen.height() == height
        # From the frame itself: believed, within bounds, and numbers only.
        for said, kept in ((1234, 1234), (10, 200), (999_999, 2000), ("1500", 2000), (None, 2000)):
            frame.evaluate("(lie) => parent.postMessage(lie, '*')", lie | {"height": said})
            seen.page.wait_for_timeout(100)
            assert seen.height() == kept, said
        frame.evaluate("(lie) => parent.postMessage(lie, '*')", lie | {"height": 700, "id": "a2"})
        frame.evaluate("(lie) => parent.postMessage(lie, '*')", lie | {"height": 700, "v": 2})
        # A frame that was led elsewhere is no longer ours.
        elsewhere = host.put("<p>Ailleurs</p>")
        frame.evaluate("(address) => { location.href = address; }", elsewhere)
        expect(seen.page.frame_locator("iframe").first.get_by_text("Ailleurs")).to_be_visible()
        seen.frames()[0].evaluate("(lie) => parent.postMessage(lie, '*')", lie | {"height": 700})
        seen.page.wait_for_timeout(100)
        assert seen.height() == 2000


@pytest.mark.parametrize("name", ["script", "element", "pinned"])
def test_a_host_with_a_strict_policy(
    chromium: Browser, host: Host, codes: dict[tuple[str, str], str], name: str
) -> None:
    """The lines that the builder gives are enough; no inline style or script is needed."""
    policy = f"default-src 'none'; {codes['carte', 'csp']}; require-trusted-types-for 'script'"
    with visiting_host(chromium, host.put(codes["carte", name], content_security_policy=policy)) as seen:
        shown(seen, "carte")


def test_a_bare_frame_needs_its_line_only(chromium: Browser, host: Host, codes: dict[tuple[str, str], str]) -> None:
    policy = f"default-src 'none'; style-src 'unsafe-inline'; {codes['liste', 'csp'].partition('; ')[2]}"
    with visiting_host(chromium, host.put(codes["liste", "iframe"], content_security_policy=policy)) as seen:
        shown(seen, "liste")


def overflowing(frame: Frame) -> bool:
    return bool(frame.evaluate("document.documentElement.scrollWidth > innerWidth"))


@pytest.mark.parametrize("view", VIEWS)
def test_a_column_of_280_pixels(chromium: Browser, host: Host, codes: dict[tuple[str, str], str], view: str) -> None:
    head = "<style>main { width: 280px; overflow: auto }</style>"
    with visiting_host(chromium, host.put(codes[view, "script"], head=head)) as seen:
        frame = shown(seen, view)
        settled(seen)
        box = seen.page.locator("iframe").bounding_box()
        assert box
        assert box["width"] == 280
        assert not overflowing(frame)
        assert violations(frame) == []


def test_a_page_from_right_to_left(chromium: Browser, host: Host, codes: dict[tuple[str, str], str]) -> None:
    address = host.put(codes["liste", "element"], html='lang="ar" dir="rtl"')
    with visiting_host(chromium, address) as seen:
        frame = shown(seen, "liste")
        settled(seen)
        assert frame.evaluate("getComputedStyle(document.body).direction") == "ltr"  # it speaks French
        column = seen.page.locator("main").bounding_box()
        box = seen.page.locator("iframe").bounding_box()
        assert column
        assert box
        assert (box["x"], box["width"]) == (column["x"], column["width"])
        assert not seen.page.evaluate("document.documentElement.scrollWidth > innerWidth")


@pytest.mark.parametrize("scheme", ["dark", "light"])
def test_a_dark_page(chromium: Browser, host: Host, codes: dict[tuple[str, str], str], scheme: str) -> None:
    """The widget is as dark as the page around it says it is (Media Queries 5, §12.5: no wish is emulated here)."""
    head = f'<meta name="color-scheme" content="{scheme}"><style>:root {{ color-scheme: {scheme} }}</style>'
    with visiting_host(chromium, host.put(codes["liste", "script"], head=head), color_scheme="null") as seen:
        frame = shown(seen, "liste")
        paper = frame.evaluate("getComputedStyle(document.body).backgroundColor")
        assert paper == ("rgb(16, 23, 31)" if scheme == "dark" else "rgb(251, 247, 240)")
        assert violations(frame) == []


def test_our_server_is_down(chromium: Browser, host: Host, fair: Fair, codes: dict[tuple[str, str], str]) -> None:
    down = "http://127.0.0.1:9"  # the discard port: nobody answers
    for name in ("script", "element", "pinned"):
        address = host.put(codes["liste", name].replace(fair.url, down))
        with visiting_host(chromium, address, expected=("Failed to load resource",)) as seen:
            expect(seen.page.locator("main a")).to_be_visible()
            assert seen.page.locator("iframe").count() == 0
    # The script was in the browser's cache, and the documents do not come.
    body = codes["liste", "script"]
    context = chromium.new_context()
    page = context.new_page()
    page.route("**/embed/v1/liste*", lambda route: route.abort("connectionrefused"))
    page.clock.install()
    page.goto(host.put(body))
    expect(page.locator("iframe")).to_have_count(1)
    expect(page.locator("main a")).to_be_visible()
    expect(page.locator("iframe")).to_be_hidden()
    page.clock.fast_forward(16_000)
    expect(page.locator("iframe")).to_have_count(0)
    expect(page.locator("main a")).to_be_visible()
    context.close()


def test_links_open_the_site_itself(
    chromium: Browser, host: Host, fair: Fair, codes: dict[tuple[str, str], str]
) -> None:
    with visiting_host(chromium, host.put(codes["liste", "script"])) as seen:
        frame = shown(seen, "liste")
        settled(seen)
        with seen.page.expect_popup() as popup:
            frame.get_by_role("link", name="Réserver").first.click()
        expect(popup.value).to_have_url(re.compile(rf"{fair.url}/ateliers/\d+/reserver$"))
        assert popup.value.evaluate("opener") is None
        assert seen.page.url.startswith(host.url)


def test_the_map_opens_venues_in_their_own_window(
    chromium: Browser, host: Host, fair: Fair, codes: dict[tuple[str, str], str]
) -> None:
    with visiting_host(chromium, host.put(codes["carte", "iframe"])) as seen:
        frame = shown(seen, "carte")
        frame.locator(".leaflet-marker-icon[role=button]").first.click()
        link = frame.locator(".sitemap-popup-name a")
        expect(link).to_contain_text("(nouvelle fenêtre)")
        assert violations(frame) == []
        with seen.page.expect_popup() as popup:
            link.click()
        expect(popup.value).to_have_url(re.compile(rf"{fair.url}/lieux/\d+$"))


@pytest.mark.parametrize("view", VIEWS)
def test_a_sandbox_of_scripts_alone(chromium: Browser, host: Host, fair: Fair, view: str) -> None:
    """What WordPress makes: an opaque origin, in which even our own files are another site's."""
    address = f"{fair.url}/embed/v1/{view}?commune=23096&couleur=8a1c4a"
    body = f'<iframe sandbox="allow-scripts" src="{address}" title="Ateliers" width="600" height="640"></iframe>'
    with visiting_host(chromium, host.put(body)) as seen:
        frame = shown(seen, view)
        assert frame.evaluate("origin") == "null"
        assert (
            frame.evaluate("getComputedStyle(document.documentElement).getPropertyValue('--pine').trim()") == "#8a1c4a"
        )


def test_wordpress_is_told_what_it_wants_to_know(chromium: Browser, host: Host, fair: Fair) -> None:
    """The messages of its wp-embed.js; in a real WordPress: tests/wordpress."""
    body = (
        "<script>window.said = []; addEventListener('message', (e) => said.push(e.data));</script>"
        f'<iframe sandbox="allow-scripts" src="{fair.url}/embed/v1/liste?commune=23096#?secret=Qw3rTy9876"'
        ' title="Ateliers" height="300"></iframe>'
    )
    with visiting_host(chromium, host.put(body)) as seen:
        frame = shown(seen, "liste")
        seen.page.wait_for_function("said.some((it) => it.message === 'height')")
        [told] = seen.page.evaluate("said.filter((it) => it.message === 'height')")
        assert told["secret"] == "Qw3rTy9876"
        assert abs(told["value"] - own_height(frame)) <= 1
        assert "nouvelle fenêtre" not in frame.locator("body").inner_text()
        frame.locator(".card h2 a").first.click()
        seen.page.wait_for_function("said.some((it) => it.message === 'link')")
        [link] = seen.page.evaluate("said.filter((it) => it.message === 'link')")
        assert link["secret"] == "Qw3rTy9876"
        assert re.fullmatch(rf"{fair.url}/ateliers/\d+", link["value"])
        # A page that asks later, as newer ones do, is told again.
        seen.page.evaluate(
            """() => {
              said.length = 0;
              const { contentWindow } = document.querySelector("iframe");
              contentWindow.postMessage({ message: "ready", secret: "<Third>" }, "*");
              contentWindow.postMessage({ message: "ready", secret: "Second1234" }, "*");
            }"""
        )
        seen.page.wait_for_function("said.some((it) => it.secret === 'Second1234')")
        assert seen.page.evaluate("said.filter((it) => it.secret === '<Third>').length") == 0


@pytest.mark.parametrize(("view", "most"), [("liste", 60), ("prochain", 60), ("bouton", 60), ("carte", 120)])
def test_a_widget_is_light(chromium: Browser, host: Host, fair: Fair, view: str, most: int) -> None:
    """Everything that comes over the wire, headers included; the drawn ground stands where tiles would be."""
    address = f"{fair.url}/embed/v1/{view}?commune=23096&max=20&couleur=8a1c4a"
    body = f'<iframe src="{address}" title="Ateliers" width="100%" height="640"></iframe>'
    context = chromium.new_context(viewport={"width": 1280, "height": 900})
    page = context.new_page()
    network = context.new_cdp_session(page)
    addresses: dict[str, str] = {}
    sizes: dict[str, float] = {}
    network.on("Network.requestWillBeSent", lambda it: addresses.update({it["requestId"]: it["request"]["url"]}))
    network.on(
        "Network.loadingFinished", lambda it: sizes.update({addresses[it["requestId"]]: it["encodedDataLength"]})
    )
    network.send("Network.enable")
    # Of one host with us, so that both are seen from one process; of two origins all the same.
    page.goto(host.put(body).replace("localhost", "127.0.0.1"))
    page.frame_locator("iframe").locator(
        ".leaflet-marker-icon[role=button]" if view == "carte" else ".btn"
    ).first.wait_for()
    page.wait_for_load_state("networkidle")
    context.close()
    ours = {url: size for url, size in sizes.items() if url.startswith(fair.url)}
    ground = sum(size for url, size in ours.items() if "basemap.json" in url or "/towns" in url)
    total = sum(ours.values()) - ground
    print(f"{view}: {total / KB:.1f} kB, and {ground / KB:.1f} kB of ground, {len(ours)} requests")
    assert total > 3 * KB, ours
    assert total <= most * KB, ours


# The builder.


def test_the_preview_follows_and_the_code_is_copied(chromium: Browser, fair: Fair) -> None:
    with visiting(chromium, fair, WIDE) as visit:
        visit.page.context.grant_permissions(["clipboard-read", "clipboard-write"], origin=fair.url)
        visit.go("/integrer?commune=23096")
        page = visit.page
        frame = page.locator(".preview iframe")
        page.get_by_label("Une liste").check()
        expect(frame).to_have_attribute("src", "/embed/v1/liste?commune=23096")
        page.locator("#sorte").select_option("commune")
        page.locator("#nom").fill("Saint-Denis")
        expect(page.locator("[name=choix]").first).to_be_checked()
        expect(frame).to_have_attribute("src", "/embed/v1/liste?commune=97411")
        page.locator("[name=choix]").nth(1).check()
        expect(frame).to_have_attribute("src", re.compile(r"commune=93066"))
        assert visit.page.url.startswith(f"{fair.url}/integrer?")
        button = page.locator("button[data-copy=code-script]")
        button.click()
        expect(button).to_contain_text("Copié")
        assert page.evaluate("navigator.clipboard.readText()") == page.locator("#code-script").input_value()
        assert "93066" in page.locator("#code-script").input_value()


def test_the_tabs_work_by_keyboard(chromium: Browser, fair: Fair) -> None:
    with visiting(chromium, fair, WIDE) as visit:
        visit.go("/integrer?commune=23096")
        page = visit.page
        expect(page.get_by_role("tab", name="Page HTML")).to_have_attribute("aria-selected", "true")
        page.get_by_role("tab", name="Page HTML").focus()
        page.keyboard.press("ArrowRight")
        expect(page.get_by_role("tab", name="WordPress")).to_be_focused()
        page.keyboard.press("Enter")
        expect(page.locator("#code-wordpress")).to_be_visible()
        expect(page.locator("#code-iframe")).to_be_hidden()
        page.keyboard.press("End")
        page.keyboard.press("ArrowRight")
        expect(page.get_by_role("tab", name="Page HTML")).to_be_focused()
        page.keyboard.press("ArrowLeft")
        expect(page.get_by_role("tab", name="SPIP")).to_be_focused()


def test_the_builder_without_javascript(chromium: Browser, fair: Fair) -> None:
    with visiting(chromium, fair, WIDE, java_script_enabled=False) as visit:
        visit.go("/integrer")
        page = visit.page
        page.locator("#sorte").select_option("departement")
        page.locator("#nom").fill("creuse")
        page.get_by_label("Un bouton").check()
        page.get_by_role("button", name="Voir le résultat").click()
        expect(page.locator(".preview iframe")).to_have_attribute("src", "/embed/v1/bouton?departement=23")
        for name in ("iframe", "script", "element", "pinned", "wordpress", "drupal", "joomla", "spip", "csp"):
            expect(page.locator(f"#code-{name}")).to_be_visible()
        expect(page.locator("button[data-copy]").first).to_be_hidden()
