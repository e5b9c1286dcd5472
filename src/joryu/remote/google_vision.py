"""Google Cloud Vision's label detection, described: ``POST /v1/images:annotate``, up to 16 pictures a request."""

from __future__ import annotations

from typing import Final

from joryu.errors import InputError
from joryu.remote.api import PICTURE, PICTURES, Answered, Api, KeyPlace, RequestForm

ENDPOINT: Final = "https://vision.googleapis.com"
PATH: Final = "/v1/images:annotate"
MOST_PICTURES: Final = 16  #: in one request
MOST_RESULTS: Final = 50
FLOOR: Final = 0.5  #: the recorded answers all end above it, with lists that are not full
LONGEST_SIDE: Final = 640  #: what Google recommends for label detection: 640 × 480
PRICE: Final = 1.5  #: US dollars for 1,000 pictures by the published list, after the month's first 1,000


def google_vision(
    endpoint: str = ENDPOINT, *, key_env: str = "GOOGLE_API_KEY", max_results: int = MOST_RESULTS,
    model: str = "builtin/stable", longest_side: int | None = LONGEST_SIDE, price: float | None = PRICE,
) -> Api:  # fmt: skip
    """The API of label detection at an ``endpoint`` (without its path).

    >>> google_vision().endpoint
    'https://vision.googleapis.com/v1/images:annotate'

    Raises:
        InputError: ``max_results`` is not usable.
    """
    if max_results < 1:
        raise InputError("is not usable", setting="max_results", expected="at least 1", received=max_results)
    place = endpoint.rstrip("/")
    feature = {"type": "LABEL_DETECTION", "maxResults": max_results, "model": model}
    return Api(
        name="google-vision",
        endpoint=place if place.endswith(PATH) else place + PATH,
        key=KeyPlace(env=key_env, header="x-goog-api-key"),
        request=RequestForm(
            body={"requests": PICTURES}, each={"image": {"content": PICTURE}, "features": [feature]},
            pictures=MOST_PICTURES,
        ),
        answer=Answered(
            answers="responses", tags="labelAnnotations", name="description", score="score", id="mid", error="error",
            floor=FLOOR, most=max_results,
        ),
        longest_side=longest_side,
        price=price,
    )  # fmt: skip
