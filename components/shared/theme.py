"""Theme: stylesheets, fonts and icons, and the basic elements of panels."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import cache
from hashlib import blake2b
from pathlib import Path
from typing import Final

from nicegui import context, ui

from mara.optimizer_names import LP, RULES, STATIC, STATIC_BREAKEVEN

STATIC_FOLDER: Final = Path(__file__).parents[1] / "static"
BROWSER_MODULES: Final = {"mara": str(STATIC_FOLDER / "modules")}
"""JavaScript modules that components import, as `mara` and `mara/…`."""
STATIC_URL: Final = "/static"
STATIC_MAX_AGE_S: Final = 365 * 24 * 3_600  # the URL changes with the content
PRELOADED_FONTS: Final = ("fonts/inter-latin-wght-normal.woff2", "fonts/jetbrains-mono-latin-wght-normal.woff2")
STYLESHEETS: Final = (
    STATIC_FOLDER / "mara.css",
    STATIC_FOLDER / "pages.css",
    STATIC_FOLDER.parent / "backtest" / "imports.css",
    STATIC_FOLDER.parent / "sla" / "sla.css",
    STATIC_FOLDER.parent / "power" / "power.css",
    STATIC_FOLDER.parent / "preferences" / "preferences.css",
    STATIC_FOLDER.parent / "money" / "money.css",
    STATIC_FOLDER.parent / "alerts" / "alerts.css",
    STATIC_FOLDER.parent / "overview" / "sites.css",
    STATIC_FOLDER.parent / "time_range" / "time_range.css",
    STATIC_FOLDER.parent / "overview" / "reasoning.css",
    STATIC_FOLDER.parent / "ahead" / "ahead.css",
    STATIC_FOLDER / "print.css",
)
"""Stylesheets in the order in which they count; browsers get them as one file."""
STYLES_URL: Final = f"{STATIC_URL}/styles.css"
FAVICON: Final = STATIC_FOLDER / "favicon.svg"

POLICY_LINES: Final = {
    STATIC: ("--series-5", "2px,3px"),
    STATIC_BREAKEVEN: ("--series-4", "6px,3px"),
    RULES: ("--series-3", "10px,3px,2px,3px"),
    LP: ("--series-1", "solid"),
}
"""Colour and stroke of each policy, in every chart that compares them."""

ICON_PATHS: Final = {
    "pause": "M7 5h3v14H7zM14 5h3v14h-3z",
    "resume": "M8 5v14l11-7z",
    "step": "M6 5v14l8-7zM15 5h3v14h-3z",
    "outage": "M13 2 5 14h6l-1 8 8-12h-6z",
    "anew": "M12 4a8 8 0 1 1-8 8h2.6a5.4 5.4 0 1 0 5.4-5.4V10L7 5.3 12 .8z",
    "theme": "M12 3a9 9 0 1 0 0 18a9 9 0 0 0 0-18zM12 5v14a7 7 0 0 1 0-14z",
    "logo": "M6 18V7l6 6 6-6v11",
}


def address(path: str) -> str:
    """Return a path of this server as the page links to it, under the path of a proxy."""
    request = context.client.request
    return f"{request.scope.get('root_path', '')}{path}"


@cache
def styles() -> str:
    """Return all stylesheets as one, which saves a browser a dozen requests."""
    return "\n".join(path.read_text(encoding="utf-8") for path in STYLESHEETS)


@cache
def static_url(name: str) -> str:
    """Return the URL of a file under static/, with a digest of its content.

    Browsers may cache it forever.
    """
    return f"{STATIC_URL}/{name}?v={_digest((STATIC_FOLDER / name).read_bytes())}"


@cache
def _styles_digest() -> str:
    return _digest(styles().encode())


def _digest(content: bytes) -> str:
    return blake2b(content, digest_size=6).hexdigest()


def head_html() -> str:
    """Return the head of every page: fonts, stylesheets, and the script of the theme."""
    fonts = "".join(
        f'<link rel="preload" href="{address(f"{STATIC_URL}/{font}")}" as="font" type="font/woff2" crossorigin>'
        for font in PRELOADED_FONTS
    )
    sheet = address(f"{STYLES_URL}?v={_styles_digest()}")
    script = address(static_url("theme.js"))
    return f'{fonts}<link rel="stylesheet" href="{sheet}"><script src="{script}"></script>'


def element(tag: str, look: str = "", text: str = "") -> ui.element:
    """Draw a plain HTML element with classes; `text` is shown as text, never as HTML."""
    made = ui.label(text) if text else ui.element(tag)
    made.tag = tag
    return made.classes(look)


@contextmanager
def panel(title: str, look: str = "", hint: str = "") -> Iterator[ui.element]:
    """Draw a titled panel; elements made within the context are its body.

    Yields the row of its heading, for legends and badges.
    """
    label = title.lower().replace(" ", "-")
    with element("section", f"panel {look}").props(f'aria-labelledby="{label}"'):
        with element("div", "panel-top") as top:
            heading = element("h2", "panel-title", title).props(f'id="{label}"')
            if hint:
                explained(heading, hint)
        yield top


def scroll(label: str) -> ui.element:
    """Draw the scrolling part of a panel, named `label` for screen readers."""
    return element("div", "scroll").props(f'tabindex=0 role=region aria-label="{label}"')


def explained(anchor: ui.element, text: str) -> None:
    """Show `text` on hover and focus of `anchor`, and give it to screen readers."""
    with anchor:
        explanation = element("span", "explanation", text).props("role=tooltip")
    anchor.classes("explained").props(f'tabindex=0 aria-describedby="{explanation.html_id}"')


def page_tabs(tabs: Iterable[tuple[str, str]], here: str) -> None:
    """Draw links to pages that belong together, by path and name."""
    with element("nav", "page-tabs").props('aria-label="Pages that belong together"'):
        for path, name in tabs:
            link = element("a", "", name).props(f'href="{address(path)}"')
            if path == here:
                link.props("aria-current=page")


def on_press(button: ui.element, press: Callable[[], object]) -> ui.element:
    """Call `press` at each click on a button.

    Nothing of the click is sent along: to read where it was, a browser computes the layout of the whole page.
    """
    return button.on("click", press, args=[])


def icon(name: str) -> ui.element:
    """Draw an icon, invisible to screen readers: its button carries the name."""
    with element("svg", f"icon icon-{name}").props('viewBox="0 0 24 24" aria-hidden=true') as drawing:
        ui.element("path").props(f'd="{ICON_PATHS[name]}"')
    return drawing
