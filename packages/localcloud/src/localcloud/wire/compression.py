"""Compressed requests: SDKs compress large ones of the operations whose model says they may.

https://docs.aws.amazon.com/sdkref/latest/guide/feature-compression.html
"""

from __future__ import annotations

import gzip
import io
import zlib
from functools import cache

from moto.core.model import ServiceModel
from moto.core.request import Request as WireRequest

from localcloud.calls import ServiceError

# PutMetricData, the largest of them, takes 1 MB.
_MAX_BYTES = 16 << 20


def decompressed(model: ServiceModel, request: WireRequest) -> WireRequest:
    """The request as it was before its client compressed it. ServiceError where it isn't gzip.

    An object of S3 that is said to be gzip stays as it is: its service takes none compressed.
    """
    if request.headers.get("Content-Encoding") != "gzip" or not _takes_compressed(model):
        return request
    try:
        with gzip.GzipFile(fileobj=io.BytesIO(request.get_data(parse_form_data=False))) as file:
            content = file.read(_MAX_BYTES + 1)
    except (OSError, EOFError, zlib.error) as error:
        raise ServiceError("SerializationException", f"the body isn't gzip: {error}") from error
    if len(content) > _MAX_BYTES:
        message = f"the body is more than {_MAX_BYTES} bytes when it is decompressed"
        raise ServiceError("RequestEntityTooLarge", message, 413)
    environ = dict(request.environ)
    del environ["HTTP_CONTENT_ENCODING"]
    environ |= {"wsgi.input": io.BytesIO(content), "CONTENT_LENGTH": str(len(content))}
    whole = WireRequest(environ)
    # Before werkzeug takes a form apart: moto reads it once more.
    whole.get_data(parse_form_data=False)
    return whole


@cache
def _takes_compressed(model: ServiceModel) -> bool:
    names = model.operation_names
    return any(model.operation_model(name).request_compression for name in names)
