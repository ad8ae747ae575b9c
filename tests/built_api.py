"""An API that was built once, so that a fork of this process builds another in a fifth of the time."""

from fastapi._compat import v2

from mara.api.routes.app import api_of
from mara.bootstrap import platform_of
from mara.settings import Settings
from tests.route_types import remembered

vars(v2)["TypeAdapter"] = remembered()
api_of(platform_of(Settings(optimizer="rules")))
