"""A server on this machine that passes requests on to the imitated providers."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx

from tests.feeds.live.fake_vtn import HOST
from tests.feeds.live.fakes import FakeWeb

BASES = {
    "energi-data-service": "api.energidataservice.dk",
    "electricity-maps": "api.electricitymaps.com",
    "open-meteo": "api.open-meteo.com",
    "ercot-dashboard": "www.ercot.com",
    "ercot-dashboard-dam": "www.ercot.com",
    "aemo": "visualisations.aemo.com.au",
}


@contextmanager
def on_loopback(web: FakeWeb) -> Iterator[int]:
    """Serve imitated providers under `/HOST/PATH`; yield the port."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            _, host, path = self.path.split("/", 2)
            content = self.rfile.read(int(self.headers.get("content-length") or 0))
            request = httpx.Request(self.command, f"https://{host}/{path}", headers=dict(self.headers), content=content)
            try:
                response = web.handle_request(request)
            except httpx.ConnectError:
                self.send_error(502)
                return
            self.send_response(response.status_code)
            for name, value in response.headers.items():
                if name not in {"content-length", "content-encoding"}:
                    self.send_header(name, value)
            self.send_header("content-length", str(len(response.content)))
            self.end_headers()
            self.wfile.write(response.content)

        do_POST = do_PUT = do_GET  # noqa: N815  names that http.server gives

        def log_message(self, *args: object) -> None:
            del args

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def moved(text: str, port: int) -> str:
    """Copy a SPEC with the addresses of its providers moved to this machine."""
    text = text.replace(f"https://{HOST}", f"http://127.0.0.1:{port}/{HOST}")
    for provider, host in BASES.items():
        url = f'provider = "{provider}", url = "http://127.0.0.1:{port}/{host}"'
        text = text.replace(f'provider = "{provider}"', url)
    return text.replace('provider = "mempool"', f'provider = "mempool"\nurl = "http://127.0.0.1:{port}/mempool.space"')
