"""Which pages there are; nothing is registered before somebody asks for it."""

from nicegui import app
from nicegui.dependencies import register_importmap_override

from components.theme import STATIC_FOLDER, STATIC_MAX_AGE_S, STATIC_URL, static_url
from pages import optimizer, overview, site
from pages.live import Platform, Publisher


def register(platform: Platform) -> Publisher:
    """Serve every page and what they load; the caller sees that the publisher looks."""
    app.add_static_files(STATIC_URL, STATIC_FOLDER, max_cache_age=STATIC_MAX_AGE_S)
    register_importmap_override("nicegui-plotly", static_url("plotly/shim.js"))
    publisher = Publisher(platform.latest)
    for page in (overview, site, optimizer):
        page.register(platform, publisher)
    return publisher
