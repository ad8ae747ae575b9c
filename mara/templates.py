"""HTML pages from the templates in `mara/data/templates`."""

from typing import Final

from jinja2 import Environment, PackageLoader, StrictUndefined

_TEMPLATES: Final = Environment(
    loader=PackageLoader("mara", "data/templates"),
    autoescape=True,
    undefined=StrictUndefined,
    auto_reload=False,
    trim_blocks=True,
    lstrip_blocks=True,
)


def page_of(template: str, **values: object) -> str:
    """Fill in a template; every value is escaped, and a missing value is an error."""
    return _TEMPLATES.get_template(template).render(values)
