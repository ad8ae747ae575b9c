"""Calls of web services that executors make, each within a deadline as a whole."""

import asyncio
import ssl
from collections.abc import Mapping
from typing import Final

from mara.errors import DeviceError

DEADLINE_S: Final = 5.0
"""Longest time for a call, from the connection to the last byte of the answer."""
MOST_BYTES: Final = 100_000


def called(
    who: str, method: str, url: str, headers: Mapping[str, str], body: bytes, trust: ssl.SSLContext | bool = True
) -> tuple[int, bytes]:
    """Call a web service, and return the status and body of its answer.

    Redirects are not followed.

    Args:
        who: name of the service in messages, which hold no address.

    Raises:
        DeviceError: it does not answer whole and in time.
    """
    import httpx  # slow to import and rarely needed

    async def call() -> tuple[int, bytes]:
        async with (
            asyncio.timeout(DEADLINE_S),
            httpx.AsyncClient(verify=url.startswith("https") and trust, timeout=DEADLINE_S) as client,
            client.stream(method, url, content=body, headers=headers) as answer,
        ):
            said = b""
            async for part in answer.aiter_bytes():
                said += part
                if len(said) > MOST_BYTES:
                    raise DeviceError(f"{who} should answer in at most {MOST_BYTES} bytes, more came: is it another?")
            return answer.status_code, said

    try:
        return asyncio.run(call())
    except (TimeoutError, httpx.TimeoutException) as error:
        raise DeviceError(f"{who} does not answer within {DEADLINE_S:g} s: see that it is not overloaded") from error
    except httpx.ConnectError as error:
        raise DeviceError(
            f"{who} cannot be reached: see that it runs and that the network lets Mara through"
        ) from error
    except (httpx.HTTPError, httpx.InvalidURL, OSError, ValueError) as error:
        raise DeviceError(f"{who} broke off its answer ({type(error).__name__}): it is tried again") from error
